-- The version of a task.
SELECT version FROM task WHERE tenant_id = $1 AND id = $2
