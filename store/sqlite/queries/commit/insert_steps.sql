-- Adds the steps of new plans.
-- Differs from PostgreSQL: how the JSON array of steps is read.
INSERT INTO step (
    tenant_id, task_id, id, ordinal, plan_version, key, title, state, depends_on, spec_text, spec_blob, spec_bytes,
    outcome_text, outcome_blob, outcome_bytes, snapshot, wait_kind, wait_until_ms, wait_reason
)
SELECT value ->> 'tenant_id', value ->> 'task_id', value ->> 'id', value ->> 'ordinal', value ->> 'plan_version',
       value ->> 'key', value ->> 'title', value ->> 'state', value ->> 'depends_on', value ->> 'spec_text',
       value ->> 'spec_blob', value ->> 'spec_bytes', value ->> 'outcome_text', value ->> 'outcome_blob',
       value ->> 'outcome_bytes', value ->> 'snapshot', value ->> 'wait_kind', value ->> 'wait_until_ms',
       value ->> 'wait_reason'
FROM   json_each($1)
