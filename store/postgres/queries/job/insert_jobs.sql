-- Adds jobs. Each inherits the turn of its parent if that is there; otherwise it has a turn of its own. One that names a worker is
-- handed to it where a claim would give it this very job: that life is the present one, nothing that was delayed is due, and the
-- head of the queue does not come before it. Says which were handed over.
-- Differs from SQLite: jobs and their places in the queue in one statement; how the JSON array of jobs is read.
WITH wanted AS MATERIALIZED (
    SELECT one.*, COALESCE((SELECT parent.vtag FROM job AS parent
                            WHERE parent.id = one.parent_id AND parent.tenant_id IS NOT DISTINCT FROM one.tenant_id), one.vtag) AS turn
    FROM   json_to_recordset(CAST(CAST($1 AS text) AS json)) AS one (
               tenant_id text, task_id text, id text, kind text, step_id text, delivery_id text, priority bigint,
               run_at_ms bigint, created_at_ms bigint, parent_id text, vtag bigint, behind bigint, worker_name text,
               worker_epoch bigint
           )
), added AS (
    INSERT INTO job (
        tenant_id, task_id, id, kind, step_id, delivery_id, priority, attempts, crashes, run_at_ms, created_at_ms, vtag, behind,
        fence, worker_name, worker_epoch
    )
    SELECT tenant_id, task_id, id, kind, step_id, delivery_id, priority, 0, 0, run_at_ms, created_at_ms, turn, behind,
           CASE WHEN handed.over THEN 1 ELSE 0 END, CASE WHEN handed.over THEN worker_name END, CASE WHEN handed.over THEN worker_epoch END
    FROM   wanted CROSS JOIN LATERAL (
               SELECT worker_name IS NOT NULL AND run_at_ms IS NULL
                  AND EXISTS (SELECT 1 FROM worker
                              WHERE worker.name = wanted.worker_name AND epoch = wanted.worker_epoch AND ended_at_ms IS NULL)
                  AND NOT EXISTS (SELECT 1 FROM delayed WHERE delayed.run_at_ms <= (SELECT now_ms FROM errand_now))
                  AND COALESCE((SELECT (ready.priority, ready.vtag, ready.job_id) > (wanted.priority, wanted.turn, wanted.id)
                                FROM ready ORDER BY ready.priority, ready.vtag, ready.job_id LIMIT 1), true) AS over
           ) AS handed
    RETURNING id, tenant_id, priority, vtag, run_at_ms, worker_name
), later AS (
    INSERT INTO delayed (run_at_ms, job_id, tenant_id)
    SELECT run_at_ms, id, tenant_id FROM added WHERE run_at_ms IS NOT NULL
), now AS (
    INSERT INTO ready (priority, vtag, job_id, tenant_id)
    SELECT priority, vtag, id, tenant_id FROM added WHERE run_at_ms IS NULL AND worker_name IS NULL
)
SELECT id AS "id!" FROM added WHERE worker_name IS NOT NULL
