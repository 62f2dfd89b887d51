-- Deletes jobs that are held under a fence: their work is done.
-- Differs from SQLite: all in one round trip, as arrays.
DELETE FROM job
USING  unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS done (tenant_id, task_id, id, fence)
WHERE  job.id = done.id AND job.tenant_id = done.tenant_id AND job.task_id = done.task_id AND job.fence = done.fence
