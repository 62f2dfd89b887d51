-- What an idempotency key was used for.
SELECT request, task_id FROM idempotency WHERE tenant_id = $1 AND key = $2
