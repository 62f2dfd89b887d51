-- Up to $3 tasks that finished more than $1 milliseconds ago, were submitted more than $2 ago, and have nothing left to do.
-- Differs from SQLite: they are locked, and those that a commit has locked are left for the next time.
SELECT tenant_id, id AS name
FROM   task
WHERE  finished_at_ms IS NOT NULL
  AND  finished_at_ms < (SELECT now_ms FROM errand_now) - $1
  AND  created_at_ms < (SELECT now_ms FROM errand_now) - $2
  AND  NOT EXISTS (SELECT 1 FROM job WHERE job.task_id = task.id)
ORDER  BY finished_at_ms
LIMIT  $3
FOR    UPDATE SKIP LOCKED
