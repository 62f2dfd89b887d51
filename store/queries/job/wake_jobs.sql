-- Forgets the delay of jobs that were woken.
UPDATE job SET run_at_ms = NULL
WHERE  tenant_id = $1 AND task_id = $2 AND kind <> 'deliver' AND worker_name IS NULL AND run_at_ms IS NOT NULL
