-- Locks the jobs of a batch by id, after its tasks, so that no hold is taken away between the check and the commit.
SELECT job.id FROM job
JOIN   unnest($1::text[], $2::text[]) AS wanted (tenant_id, id) ON wanted.tenant_id = job.tenant_id AND wanted.id = job.id
ORDER  BY job.id
FOR    NO KEY UPDATE OF job
