-- Adds one event under a number that the update of its task has made room for.
-- Differs from PostgreSQL: one at a time, there is no round trip to save.
INSERT INTO event (tenant_id, task_id, seq, at_ms, v, kind, step_id, public_text, public_blob, public_bytes, private_text, private_blob, private_bytes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
