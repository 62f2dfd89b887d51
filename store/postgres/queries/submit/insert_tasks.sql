-- Accepts tasks at time $2: queued, without a plan, with one event.
-- Differs from SQLite: how the JSON array of tasks is read.
INSERT INTO task (
    id, tenant_id, state, version, seq, engine, title, metadata, spec_text, spec_blob, spec_bytes,
    budget_model_calls, budget_tool_calls, budget_tokens, budget_wall_ms, spent_model_calls, spent_tool_calls,
    spent_tokens, spent_wall_ms, plan_version, replans, webhook_id, priority, created_at_ms, updated_at_ms
)
SELECT id, tenant_id, state, 1, 1, engine, title, metadata, spec_text, spec_blob, spec_bytes,
       budget_model_calls, budget_tool_calls, budget_tokens, budget_wall_ms, 0, 0, 0, 0, 0, 0, webhook_id, priority, $2, $2
FROM   json_to_recordset(CAST(CAST($1 AS text) AS json)) AS wanted (
           id text, tenant_id text, state text, engine bigint, title text, metadata text, spec_text text,
           spec_blob text, spec_bytes bigint, budget_model_calls bigint, budget_tool_calls bigint,
           budget_tokens bigint, budget_wall_ms bigint, webhook_id text, priority bigint
       )
