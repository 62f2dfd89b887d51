-- Tells the counters of the tasks whose jobs are held under these fences. A second statement deletes the jobs.
-- Differs from PostgreSQL: two statements; the jobs come as one JSON array of arrays.
SELECT job.id AS "key!: String",
       task.seq AS "seq!: i64", version AS "version!: i64", (SELECT now_ms FROM errand_now) AS "at_ms!: i64", running_since_ms,
       budget_model_calls AS "budget_model_calls!: i64", budget_tool_calls AS "budget_tool_calls!: i64",
       budget_tokens AS "budget_tokens!: i64", budget_wall_ms AS "budget_wall_ms!: i64",
       spent_model_calls AS "spent_model_calls!: i64", spent_tool_calls AS "spent_tool_calls!: i64",
       spent_tokens AS "spent_tokens!: i64", spent_wall_ms AS "spent_wall_ms!: i64"
FROM   json_each($1) AS done
JOIN   job ON job.id = done.value ->> 0 AND job.tenant_id = done.value ->> 1 AND job.task_id = done.value ->> 2
          AND job.fence = done.value ->> 3 AND job.worker_name IS NOT NULL
JOIN   task ON task.id = job.task_id
