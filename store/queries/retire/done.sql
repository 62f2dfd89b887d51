-- Notes that nothing of a task is left over.
DELETE FROM leftover WHERE tenant_id = $1 AND task_id = $2
