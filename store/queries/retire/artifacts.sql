-- Removes the artifacts of a task that is being removed.
DELETE FROM artifact WHERE tenant_id = $1 AND task_id = $2
