-- Removes the dead letters of a task that is being removed.
DELETE FROM dead_letter WHERE tenant_id = $1 AND task_id = $2
