-- Takes an idempotency key for a new task. No row changes when the key is taken already.
INSERT INTO idempotency (tenant_id, key, request, task_id, created_at_ms)
SELECT $1, $2, $3, $4, now_ms FROM errand_now WHERE true
ON CONFLICT (tenant_id, key) DO NOTHING
