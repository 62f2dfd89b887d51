-- Adds the steps of new plans.
-- Differs from SQLite: how the JSON array of steps is read.
INSERT INTO step (
    tenant_id, task_id, id, ordinal, plan_version, key, title, state, depends_on, spec_text, spec_blob, spec_bytes,
    outcome_text, outcome_blob, outcome_bytes, snapshot, wait_kind, wait_until_ms, wait_reason
)
SELECT tenant_id, task_id, id, ordinal, plan_version, key, title, state, depends_on, spec_text, spec_blob,
       spec_bytes, outcome_text, outcome_blob, outcome_bytes, snapshot, wait_kind, wait_until_ms, wait_reason
FROM   json_to_recordset(CAST(CAST($1 AS text) AS json)) AS wanted (
           tenant_id text, task_id text, id text, ordinal bigint, plan_version bigint, key text, title text,
           state text, depends_on text, spec_text text, spec_blob text, spec_bytes bigint, outcome_text text,
           outcome_blob text, outcome_bytes bigint, snapshot text, wait_kind text, wait_until_ms bigint,
           wait_reason text
       )
