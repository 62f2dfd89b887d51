-- Removes the deliveries of a task that is being removed.
DELETE FROM delivery WHERE tenant_id = $1 AND task_id = $2
