-- Deletes jobs that are held under a fence and leave nothing in a log. Nothing is written to a task, so none is locked.
-- Differs from SQLite: the jobs come as arrays, in the order in which they are to be locked. `IS NOT DISTINCT FROM` keeps the
-- planner on the key: a task may have many jobs.
DELETE FROM job
USING  unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS done (tenant_id, task_id, id, fence)
WHERE  job.id = done.id AND job.tenant_id = done.tenant_id AND job.task_id IS NOT DISTINCT FROM done.task_id
  AND  job.fence = done.fence AND job.worker_name IS NOT NULL
RETURNING job.id
