-- Makes room in a task's log for $5 events and charges its counters, if job $3 is held under fence $4.
-- On PostgreSQL both rows are locked already; without that the subquery could read a job from before the wait.
UPDATE task
SET    seq = seq + $5,
       spent_model_calls = spent_model_calls + $6,
       spent_tool_calls = spent_tool_calls + $7,
       spent_tokens = spent_tokens + $8,
       spent_wall_ms = spent_wall_ms + $9,
       updated_at_ms = (SELECT now_ms FROM errand_now)
WHERE  tenant_id = $1 AND id = $2
  AND  EXISTS (SELECT 1 FROM job
               WHERE job.id = $3 AND job.tenant_id = $1 AND job.task_id = $2
                 AND job.fence = $4 AND job.worker_name IS NOT NULL)
RETURNING seq AS "seq!: i64", version AS "version!: i64", updated_at_ms AS "at_ms!: i64", running_since_ms,
          budget_model_calls AS "budget_model_calls!: i64", budget_tool_calls AS "budget_tool_calls!: i64",
          budget_tokens AS "budget_tokens!: i64", budget_wall_ms AS "budget_wall_ms!: i64",
          spent_model_calls AS "spent_model_calls!: i64", spent_tool_calls AS "spent_tool_calls!: i64",
          spent_tokens AS "spent_tokens!: i64", spent_wall_ms AS "spent_wall_ms!: i64"
