-- Makes room in the logs of many tasks and charges their counters, each if its job is held under its fence; no two are
-- about one task. Tasks are locked, then jobs, each by id, and the guards are judged by what the locks found.
-- Differs from SQLite: it locks, and the commits come as arrays.
WITH wanted AS MATERIALIZED (
    SELECT *
    FROM   unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
           AS wanted (tenant_id, task_id, job_id, fence, events, model_calls, tool_calls, tokens, wall_ms)
), locked AS MATERIALIZED (
    SELECT task.id FROM task
    JOIN   wanted ON wanted.tenant_id = task.tenant_id AND wanted.task_id = task.id
    ORDER  BY task.id
    FOR    NO KEY UPDATE OF task
), held AS MATERIALIZED (
    SELECT wanted.* FROM job
    JOIN   wanted ON job.id = wanted.job_id AND job.tenant_id = wanted.tenant_id AND job.task_id IS NOT DISTINCT FROM wanted.task_id
                 AND job.fence = wanted.fence AND job.worker_name IS NOT NULL
    WHERE  (SELECT count(*) FROM locked) >= 0
    ORDER  BY job.id
    FOR    NO KEY UPDATE OF job
)
UPDATE task
SET    seq = task.seq + held.events,
       spent_model_calls = task.spent_model_calls + held.model_calls,
       spent_tool_calls = task.spent_tool_calls + held.tool_calls,
       spent_tokens = task.spent_tokens + held.tokens,
       spent_wall_ms = task.spent_wall_ms + held.wall_ms,
       updated_at_ms = (SELECT now_ms FROM errand_now)
FROM   held
WHERE  task.tenant_id = held.tenant_id AND task.id = held.task_id
RETURNING task.id AS "key!: String",
          task.seq AS "seq!: i64", task.version AS "version!: i64", task.updated_at_ms AS "at_ms!: i64", task.running_since_ms,
          task.budget_model_calls AS "budget_model_calls!: i64", task.budget_tool_calls AS "budget_tool_calls!: i64",
          task.budget_tokens AS "budget_tokens!: i64", task.budget_wall_ms AS "budget_wall_ms!: i64",
          task.spent_model_calls AS "spent_model_calls!: i64", task.spent_tool_calls AS "spent_tool_calls!: i64",
          task.spent_tokens AS "spent_tokens!: i64", task.spent_wall_ms AS "spent_wall_ms!: i64"
