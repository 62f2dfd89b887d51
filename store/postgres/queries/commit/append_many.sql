-- Makes room in the logs of many tasks and charges their counters, each if its job is held under its fence; no two are
-- about one task. Tasks and jobs are locked already, so the subquery cannot read a job from before a wait.
-- Differs from SQLite: all in one round trip, as arrays. The lateral subqueries keep the planner, which does not know how
-- long the arrays are, on the keys.
UPDATE task
SET    seq = task.seq + wanted.events,
       spent_model_calls = task.spent_model_calls + wanted.model_calls,
       spent_tool_calls = task.spent_tool_calls + wanted.tool_calls,
       spent_tokens = task.spent_tokens + wanted.tokens,
       spent_wall_ms = task.spent_wall_ms + wanted.wall_ms,
       updated_at_ms = (SELECT now_ms FROM errand_now)
FROM   unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
       AS wanted (tenant_id, task_id, job_id, fence, events, model_calls, tool_calls, tokens, wall_ms)
       CROSS JOIN LATERAL (
           SELECT 1 FROM job
           WHERE  job.id = wanted.job_id AND job.tenant_id = wanted.tenant_id AND job.task_id = wanted.task_id
             AND  job.fence = wanted.fence AND job.worker_name IS NOT NULL
           OFFSET 0
       ) AS held
WHERE  task.tenant_id = wanted.tenant_id AND task.id = wanted.task_id
RETURNING task.id AS "key!: String",
          task.seq AS "seq!: i64", task.version AS "version!: i64", task.updated_at_ms AS "at_ms!: i64", task.running_since_ms,
          task.budget_model_calls AS "budget_model_calls!: i64", task.budget_tool_calls AS "budget_tool_calls!: i64",
          task.budget_tokens AS "budget_tokens!: i64", task.budget_wall_ms AS "budget_wall_ms!: i64",
          task.spent_model_calls AS "spent_model_calls!: i64", task.spent_tool_calls AS "spent_tool_calls!: i64",
          task.spent_tokens AS "spent_tokens!: i64", task.spent_wall_ms AS "spent_wall_ms!: i64"
