-- Saves what was decided for many tasks, makes room in their logs for the events and charges their counters, each if its version
-- is still the one that was decided from and, where a worker decided, if its job is held under its fence; no two are about one
-- task.
-- Tasks and jobs are locked already, so the subquery cannot read a job from before a wait.
-- Differs from SQLite: how the JSON array of decisions is read.
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
FROM   json_to_recordset(CAST(CAST($1 AS text) AS json)) AS wanted (
           tenant_id text, task_id text, job_id text, fence bigint, version bigint, state text, wait_kind text,
           wait_until_ms bigint, wait_reason text, events bigint, model_calls bigint, tool_calls bigint,
           tokens bigint, wall_ms bigint, budget_model_calls bigint, budget_tool_calls bigint, budget_tokens bigint,
           budget_wall_ms bigint, plan_version bigint, replans bigint, running_since_ms bigint, result_text text,
           result_blob text, result_bytes bigint, error text, is_final bigint
       )
       CROSS JOIN errand_now AS clock
WHERE  task.tenant_id = wanted.tenant_id AND task.id = wanted.task_id AND task.version = wanted.version
  AND  (wanted.job_id IS NULL
        OR EXISTS (SELECT 1 FROM job
                   WHERE job.id = wanted.job_id AND job.tenant_id IS NOT DISTINCT FROM wanted.tenant_id
                     AND job.task_id IS NOT DISTINCT FROM wanted.task_id AND job.fence = wanted.fence AND job.worker_name IS NOT NULL))
RETURNING task.id AS "key!: String",
          task.seq AS "seq!: i64", task.version AS "version!: i64", task.updated_at_ms AS "at_ms!: i64", task.running_since_ms,
          task.budget_model_calls AS "budget_model_calls!: i64", task.budget_tool_calls AS "budget_tool_calls!: i64",
          task.budget_tokens AS "budget_tokens!: i64", task.budget_wall_ms AS "budget_wall_ms!: i64",
          task.spent_model_calls AS "spent_model_calls!: i64", task.spent_tool_calls AS "spent_tool_calls!: i64",
          task.spent_tokens AS "spent_tokens!: i64", task.spent_wall_ms AS "spent_wall_ms!: i64"
