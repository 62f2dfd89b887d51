-- Removes the steps of a task that is being removed.
DELETE FROM step WHERE tenant_id = $1 AND task_id = $2
