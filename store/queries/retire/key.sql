-- Forgets the idempotency key under which a task that is being removed was submitted.
DELETE FROM idempotency WHERE tenant_id = $1 AND task_id = $2
