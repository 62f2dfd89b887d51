-- First of three: adds jobs. Each inherits the turn of its parent if that is there; otherwise it has a turn of its own. One that
-- names a worker is handed to it where a claim would give it this very job: that life is the present one, nothing that was delayed
-- is due, and the head of the queue does not come before it. Says which were handed over.
-- Differs from PostgreSQL: SQLite cannot write several tables in one statement; how the JSON array of jobs is read.
INSERT INTO job (
    tenant_id, task_id, id, kind, step_id, delivery_id, priority, attempts, crashes, run_at_ms, created_at_ms, vtag, behind,
    fence, worker_name, worker_epoch
)
SELECT one ->> 'tenant_id', one ->> 'task_id', one ->> 'id', one ->> 'kind', one ->> 'step_id', one ->> 'delivery_id',
       one ->> 'priority', 0, 0, one ->> 'run_at_ms', one ->> 'created_at_ms', turn, one ->> 'behind',
       handed, CASE handed WHEN 1 THEN one ->> 'worker_name' END, CASE handed WHEN 1 THEN one ->> 'worker_epoch' END
FROM   (SELECT one, turn,
               CASE WHEN one ->> 'worker_name' IS NOT NULL AND one ->> 'run_at_ms' IS NULL
                     AND EXISTS (SELECT 1 FROM worker
                                 WHERE name = one ->> 'worker_name' AND epoch = one ->> 'worker_epoch' AND ended_at_ms IS NULL)
                     AND NOT EXISTS (SELECT 1 FROM delayed WHERE run_at_ms <= (SELECT now_ms FROM errand_now))
                     AND COALESCE((SELECT (priority, vtag, job_id) > (one ->> 'priority', turn, one ->> 'id')
                                   FROM ready ORDER BY priority, vtag, job_id LIMIT 1), 1)
                    THEN 1 ELSE 0 END AS handed
        FROM   (SELECT value AS one,
                       COALESCE((SELECT parent.vtag FROM job AS parent
                                 WHERE parent.id = value ->> 'parent_id' AND parent.tenant_id = value ->> 'tenant_id'),
                                value ->> 'vtag') AS turn
                FROM   json_each($1)))
RETURNING id AS "id!: String", worker_name IS NOT NULL AS "is_handed_over!: bool"
