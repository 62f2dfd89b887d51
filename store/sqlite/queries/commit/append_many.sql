-- Makes room in the logs of many tasks and charges their counters, each if its job is held under its fence; no two are
-- about one task.
-- Differs from PostgreSQL: the commits come as one JSON array of arrays.
UPDATE task
SET    seq = task.seq + wanted.events,
       spent_model_calls = spent_model_calls + wanted.model_calls,
       spent_tool_calls = spent_tool_calls + wanted.tool_calls,
       spent_tokens = spent_tokens + wanted.tokens,
       spent_wall_ms = spent_wall_ms + wanted.wall_ms,
       updated_at_ms = (SELECT now_ms FROM errand_now)
FROM   (SELECT value ->> 0 AS tenant_id, value ->> 1 AS task_id, value ->> 2 AS job_id, value ->> 3 AS fence, value ->> 4 AS events,
               value ->> 5 AS model_calls, value ->> 6 AS tool_calls, value ->> 7 AS tokens, value ->> 8 AS wall_ms
        FROM   json_each($1)) AS wanted
WHERE  task.tenant_id = wanted.tenant_id AND task.id = wanted.task_id
  AND  EXISTS (SELECT 1 FROM job
               WHERE job.id = wanted.job_id AND job.tenant_id = wanted.tenant_id AND job.task_id = wanted.task_id
                 AND job.fence = wanted.fence AND job.worker_name IS NOT NULL)
RETURNING id AS "key!: String",
          seq AS "seq!: i64", version AS "version!: i64", updated_at_ms AS "at_ms!: i64", running_since_ms,
          budget_model_calls AS "budget_model_calls!: i64", budget_tool_calls AS "budget_tool_calls!: i64",
          budget_tokens AS "budget_tokens!: i64", budget_wall_ms AS "budget_wall_ms!: i64",
          spent_model_calls AS "spent_model_calls!: i64", spent_tool_calls AS "spent_tool_calls!: i64",
          spent_tokens AS "spent_tokens!: i64", spent_wall_ms AS "spent_wall_ms!: i64"
