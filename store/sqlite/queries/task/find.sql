-- One task of a tenant and its steps, as of one moment.
-- Differs from PostgreSQL: how the JSON array of steps is written.
SELECT id, tenant_id, state, wait_kind, wait_until_ms, wait_reason, version, seq, engine, title, metadata, priority,
       spec_text, spec_blob, spec_bytes, result_text, result_blob, result_bytes, error,
       budget_model_calls, budget_tool_calls, budget_tokens, budget_wall_ms,
       spent_model_calls, spent_tool_calls, spent_tokens, spent_wall_ms,
       running_since_ms, plan_version, replans, webhook_id, created_at_ms, updated_at_ms, finished_at_ms,
       (SELECT now_ms FROM errand_now) AS "read_at_ms!: i64",
       (SELECT json_group_array(json_object('id', id, 'ordinal', ordinal, 'plan_version', plan_version, 'key', key, 'title', title, 'state', state,
                                            'depends_on', depends_on, 'spec_text', spec_text, 'spec_blob', spec_blob, 'spec_bytes', spec_bytes,
                                            'outcome_text', outcome_text, 'outcome_blob', outcome_blob, 'outcome_bytes', outcome_bytes,
                                            'snapshot', snapshot, 'wait_kind', wait_kind, 'wait_until_ms', wait_until_ms,
                                            'wait_reason', wait_reason))
        FROM   step WHERE tenant_id = $1 AND task_id = $2) AS "steps?: String"
FROM   task
WHERE  tenant_id = $1 AND id = $2
