-- Takes the jobs of one step from whoever holds them; what was presented so far is refused from now on.
UPDATE job SET worker_name = NULL, worker_epoch = NULL, run_at_ms = NULL, fence = fence + 1
WHERE  tenant_id = $1 AND task_id = $2 AND step_id = $3
