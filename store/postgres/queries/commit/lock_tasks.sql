-- Locks the tasks of a batch by id, so that each one's log is written by one process at a time and batches cannot
-- wait for each other in a circle. Tasks are always locked before jobs.
SELECT task.id FROM task
JOIN   unnest($1::text[], $2::text[]) AS wanted (tenant_id, id) ON wanted.tenant_id = task.tenant_id AND wanted.id = task.id
ORDER  BY task.id
FOR    NO KEY UPDATE OF task
