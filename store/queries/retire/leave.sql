-- Notes that a task's log is left over.
INSERT INTO leftover (task_id, tenant_id) VALUES ($2, $1) ON CONFLICT (task_id) DO NOTHING
