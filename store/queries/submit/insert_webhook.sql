-- Registers a webhook with its sealed secret.
INSERT INTO webhook (id, tenant_id, task_id, url, secret, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6)
