-- Saves what was decided for many tasks, makes room in their logs for the events and charges their counters, each if its version
-- is still the one that was decided from and, where a worker decided, if its job is held under its fence; no two are about one
-- task.
-- Differs from PostgreSQL: how the JSON array of decisions is read.
UPDATE task
SET    version = task.version + 1,
       state = wanted.state, wait_kind = wanted.wait_kind, wait_until_ms = wanted.wait_until_ms, wait_reason = wanted.wait_reason,
       seq = task.seq + wanted.events,
       spent_model_calls = spent_model_calls + wanted.model_calls,
       spent_tool_calls = spent_tool_calls + wanted.tool_calls,
       spent_tokens = spent_tokens + wanted.tokens,
       spent_wall_ms = spent_wall_ms + wanted.wall_ms,
       budget_model_calls = wanted.budget_model_calls, budget_tool_calls = wanted.budget_tool_calls,
       budget_tokens = wanted.budget_tokens, budget_wall_ms = wanted.budget_wall_ms,
       plan_version = wanted.plan_version, replans = wanted.replans, running_since_ms = wanted.running_since_ms,
       result_text = wanted.result_text, result_blob = wanted.result_blob, result_bytes = wanted.result_bytes, error = wanted.error,
       finished_at_ms = CASE WHEN wanted.is_final = 1 AND finished_at_ms IS NULL THEN clock.now_ms
                             ELSE finished_at_ms END,
       updated_at_ms = clock.now_ms
FROM   (SELECT value ->> 'tenant_id' AS tenant_id, value ->> 'task_id' AS task_id, value ->> 'job_id' AS job_id,
               value ->> 'fence' AS fence, value ->> 'version' AS version, value ->> 'state' AS state,
               value ->> 'wait_kind' AS wait_kind, value ->> 'wait_until_ms' AS wait_until_ms,
               value ->> 'wait_reason' AS wait_reason, value ->> 'events' AS events,
               value ->> 'model_calls' AS model_calls, value ->> 'tool_calls' AS tool_calls,
               value ->> 'tokens' AS tokens, value ->> 'wall_ms' AS wall_ms,
               value ->> 'budget_model_calls' AS budget_model_calls,
               value ->> 'budget_tool_calls' AS budget_tool_calls, value ->> 'budget_tokens' AS budget_tokens,
               value ->> 'budget_wall_ms' AS budget_wall_ms, value ->> 'plan_version' AS plan_version,
               value ->> 'replans' AS replans, value ->> 'running_since_ms' AS running_since_ms,
               value ->> 'result_text' AS result_text, value ->> 'result_blob' AS result_blob,
               value ->> 'result_bytes' AS result_bytes, value ->> 'error' AS error,
               value ->> 'is_final' AS is_final
        FROM   json_each($1)) AS wanted
       CROSS JOIN errand_now AS clock
WHERE  task.tenant_id = wanted.tenant_id AND task.id = wanted.task_id AND task.version = wanted.version
  AND  (wanted.job_id IS NULL
        OR EXISTS (SELECT 1 FROM job
                   WHERE job.id = wanted.job_id AND job.tenant_id = wanted.tenant_id AND job.task_id = wanted.task_id
                     AND job.fence = wanted.fence AND job.worker_name IS NOT NULL))
RETURNING id AS "key!: String",
          seq AS "seq!: i64", version AS "version!: i64", updated_at_ms AS "at_ms!: i64", running_since_ms,
          budget_model_calls AS "budget_model_calls!: i64", budget_tool_calls AS "budget_tool_calls!: i64",
          budget_tokens AS "budget_tokens!: i64", budget_wall_ms AS "budget_wall_ms!: i64",
          spent_model_calls AS "spent_model_calls!: i64", spent_tool_calls AS "spent_tool_calls!: i64",
          spent_tokens AS "spent_tokens!: i64", spent_wall_ms AS "spent_wall_ms!: i64"
