-- Ends the hold of a job under one fence; $5 is added to its attempts, $6 is for how long it waits (null: not by time).
UPDATE job
SET    worker_name = NULL, worker_epoch = NULL, attempts = attempts + $5,
       run_at_ms = (SELECT now_ms FROM errand_now) + $6
WHERE  tenant_id = $1 AND task_id = $2 AND id = $3 AND fence = $4 AND worker_name IS NOT NULL
RETURNING run_at_ms
