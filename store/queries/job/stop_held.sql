-- Turns the held jobs of a cancelled task, deliveries excepted, into jobs that only say what became of them. They stay with their
-- holders, under a fence that nobody knows yet.
UPDATE job SET kind = 'stop', fence = fence + 1, attempts = 0, crashes = 0
WHERE  tenant_id = $1 AND task_id = $2 AND kind NOT IN ('deliver', 'stop') AND worker_name IS NOT NULL
