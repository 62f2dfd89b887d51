-- Deletes every job of a task, deliveries excepted.
DELETE FROM job WHERE tenant_id = $1 AND task_id = $2 AND kind <> 'deliver'
