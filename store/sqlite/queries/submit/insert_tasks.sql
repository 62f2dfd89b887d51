-- Accepts tasks at time $2: queued, without a plan, with one event.
-- Differs from PostgreSQL: how the JSON array of tasks is read.
INSERT INTO task (
    id, tenant_id, state, version, seq, engine, title, metadata, spec_text, spec_blob, spec_bytes,
    budget_model_calls, budget_tool_calls, budget_tokens, budget_wall_ms, spent_model_calls, spent_tool_calls,
    spent_tokens, spent_wall_ms, plan_version, replans, webhook_id, priority, created_at_ms, updated_at_ms
)
SELECT value ->> 'id', value ->> 'tenant_id', value ->> 'state', 1, 1, value ->> 'engine', value ->> 'title',
       value ->> 'metadata', value ->> 'spec_text', value ->> 'spec_blob', value ->> 'spec_bytes',
       value ->> 'budget_model_calls', value ->> 'budget_tool_calls', value ->> 'budget_tokens',
       value ->> 'budget_wall_ms', 0, 0, 0, 0, 0, 0, value ->> 'webhook_id', value ->> 'priority', $2, $2
FROM   json_each($1)
