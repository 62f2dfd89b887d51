-- Second of three: claims the chosen jobs for one life of a worker. A row of `ready` whose job is gone or held is only
-- removed, by the statement that follows.
UPDATE job SET worker_name = $1, worker_epoch = $2, fence = fence + 1, run_at_ms = NULL
WHERE  worker_name IS NULL AND id IN (SELECT value FROM json_each($3))
