-- A task whose log is left over.
SELECT tenant_id, task_id AS name FROM leftover ORDER BY task_id LIMIT 1
