-- Deletes jobs that are held under a fence and leave nothing in a log, in the order in which batches lock them, and tells their
-- tasks' counters. Nothing is written to a task, so none is locked.
-- Differs from SQLite: one statement, as arrays.
WITH done AS MATERIALIZED (
    SELECT job.id, job.task_id
    FROM   unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS done (tenant_id, task_id, id, fence)
    JOIN   job ON job.id = done.id AND job.tenant_id = done.tenant_id AND job.task_id = done.task_id AND job.fence = done.fence
    WHERE  job.worker_name IS NOT NULL
    ORDER  BY job.id
    FOR    NO KEY UPDATE OF job
), deleted AS (
    DELETE FROM job WHERE id = ANY (ARRAY(SELECT id FROM done)) RETURNING id, task_id
)
SELECT deleted.id AS "key!: String",
       seq AS "seq!: i64", version AS "version!: i64", (SELECT now_ms FROM errand_now) AS "at_ms!: i64", running_since_ms,
       budget_model_calls AS "budget_model_calls!: i64", budget_tool_calls AS "budget_tool_calls!: i64",
       budget_tokens AS "budget_tokens!: i64", budget_wall_ms AS "budget_wall_ms!: i64",
       spent_model_calls AS "spent_model_calls!: i64", spent_tool_calls AS "spent_tool_calls!: i64",
       spent_tokens AS "spent_tokens!: i64", spent_wall_ms AS "spent_wall_ms!: i64"
FROM   deleted CROSS JOIN LATERAL (SELECT * FROM task WHERE task.id = deleted.task_id OFFSET 0) AS task
