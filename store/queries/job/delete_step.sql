-- Deletes the jobs of one step.
DELETE FROM job WHERE tenant_id = $1 AND task_id = $2 AND step_id = $3
