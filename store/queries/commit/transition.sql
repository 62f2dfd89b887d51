-- Saves what was decided for a task, makes room in its log for $8 events and charges its counters, if its version is
-- still $3. The caller has checked the fence; $24 is 1 when the new state is final.
UPDATE task
SET    version = version + 1,
       state = $4, wait_kind = $5, wait_until_ms = $6, wait_reason = $7,
       seq = seq + $8,
       spent_model_calls = spent_model_calls + $9,
       spent_tool_calls = spent_tool_calls + $10,
       spent_tokens = spent_tokens + $11,
       spent_wall_ms = spent_wall_ms + $12,
       budget_model_calls = $13, budget_tool_calls = $14, budget_tokens = $15, budget_wall_ms = $16,
       plan_version = $17, replans = $18, running_since_ms = $19,
       result_text = $20, result_blob = $21, result_bytes = $22, error = $23,
       finished_at_ms = CASE WHEN CAST($24 AS BIGINT) = 1 AND finished_at_ms IS NULL THEN clock.now_ms
                             ELSE finished_at_ms END,
       updated_at_ms = clock.now_ms
FROM   errand_now AS clock
WHERE  tenant_id = $1 AND id = $2 AND version = $3
RETURNING seq AS "seq!: i64", version AS "version!: i64", updated_at_ms AS "at_ms!: i64", running_since_ms,
          budget_model_calls AS "budget_model_calls!: i64", budget_tool_calls AS "budget_tool_calls!: i64",
          budget_tokens AS "budget_tokens!: i64", budget_wall_ms AS "budget_wall_ms!: i64",
          spent_model_calls AS "spent_model_calls!: i64", spent_tool_calls AS "spent_tool_calls!: i64",
          spent_tokens AS "spent_tokens!: i64", spent_wall_ms AS "spent_wall_ms!: i64"
