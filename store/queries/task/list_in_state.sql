-- A page of a tenant's tasks in one state, newest first, from before the cursor $2.
SELECT id, tenant_id, state, wait_kind, wait_until_ms, wait_reason, version, seq, engine, title, metadata, priority,
       spec_text, spec_blob, spec_bytes, result_text, result_blob, result_bytes, error,
       budget_model_calls, budget_tool_calls, budget_tokens, budget_wall_ms,
       spent_model_calls, spent_tool_calls, spent_tokens, spent_wall_ms,
       running_since_ms, plan_version, replans, webhook_id, created_at_ms, updated_at_ms, finished_at_ms,
       (SELECT now_ms FROM errand_now) AS "read_at_ms!: i64", CAST(NULL AS text) AS "steps?: String"
FROM   task
WHERE  tenant_id = $1 AND id < $2 AND state = $4
ORDER  BY id DESC
LIMIT  $3
