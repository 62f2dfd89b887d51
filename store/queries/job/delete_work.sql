-- Deletes every job of a task, except deliveries and those that say what became of work that was held.
DELETE FROM job WHERE tenant_id = $1 AND task_id = $2 AND kind NOT IN ('deliver', 'stop')
