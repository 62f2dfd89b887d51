-- Deletes jobs that are held under a fence and leave nothing in a log.
-- Differs from PostgreSQL: the jobs come as one JSON array of arrays.
DELETE FROM job
WHERE  worker_name IS NOT NULL
  AND  (id, tenant_id, task_id, fence) IN (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($1))
RETURNING id
