-- Accepts a task: queued, without a plan, with one event.
INSERT INTO task (
    id, tenant_id, state, version, seq, engine, title, metadata, spec_text, spec_blob, spec_bytes,
    budget_model_calls, budget_tool_calls, budget_tokens, budget_wall_ms,
    spent_model_calls, spent_tool_calls, spent_tokens, spent_wall_ms,
    plan_version, replans, webhook_id, priority, created_at_ms, updated_at_ms
)
SELECT $1, $2, $3, 1, 1, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, 0, 0, 0, 0, 0, $14, $15, now_ms, now_ms
FROM   errand_now
RETURNING created_at_ms AS "at_ms!: i64"
