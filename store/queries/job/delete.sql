-- Deletes a job that is held under a fence: its work is done.
DELETE FROM job WHERE tenant_id = $1 AND task_id = $2 AND id = $3 AND fence = $4
