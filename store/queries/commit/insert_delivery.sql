-- Writes a message that is to be sent.
INSERT INTO delivery (tenant_id, task_id, id, webhook_id, kind, body, state, attempts, created_at_ms, updated_at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $8)
