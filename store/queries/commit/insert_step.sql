-- Adds a step of a new plan.
INSERT INTO step (
    tenant_id, task_id, id, ordinal, plan_version, key, title, state, depends_on, spec_text, spec_blob, spec_bytes,
    outcome_text, outcome_blob, outcome_bytes, snapshot, wait_kind, wait_until_ms, wait_reason
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
