-- Removes the webhooks of a task that is being removed.
DELETE FROM webhook WHERE tenant_id = $1 AND task_id = $2
