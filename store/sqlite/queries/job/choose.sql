-- First of three: up to $1 ready jobs, by priority, turn and age; fewer rows mean that fewer are ready, or that some tenants
-- have no more room: $2 is an object that says how many jobs each of them may have, and $3 how many every other. A row of
-- `ready` whose job is gone or held comes without a job.
-- Differs from PostgreSQL: SQLite cannot write two tables in one statement; there is one writer, so the rows are still the
-- same when the next statements name them. All rows come as one JSON array of arrays, because every row of an answer goes
-- through a channel between threads.
SELECT json_group_array(json_array(
           placed.priority, placed.vtag, placed.job_id, job.tenant_id, job.task_id, job.kind, job.step_id, job.delivery_id,
           job.fence + 1, job.attempts, job.crashes
       )) AS "rows!: String"
FROM (
    SELECT priority, vtag, job_id, tenant_id,
           row_number() OVER (PARTITION BY tenant_id ORDER BY priority, vtag, job_id) AS place
    FROM (
        SELECT priority, vtag, job_id, tenant_id FROM ready
        WHERE  tenant_id NOT IN (SELECT key FROM json_each($2) WHERE value <= 0)
        ORDER  BY priority, vtag, job_id LIMIT $1
    )
) AS placed
LEFT JOIN job ON job.id = placed.job_id AND job.worker_name IS NULL
WHERE placed.place <= COALESCE((SELECT value FROM json_each($2) WHERE key = placed.tenant_id), $3)
