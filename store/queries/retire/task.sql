-- Removes a task. Everything that refers to it is gone already.
DELETE FROM task WHERE tenant_id = $1 AND id = $2
