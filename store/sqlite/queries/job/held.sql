-- The fences under which these jobs are held; a job that is gone or that nobody holds has no row.
-- Differs from PostgreSQL: the ids come as a JSON array.
SELECT id, fence FROM job WHERE id IN (SELECT value FROM json_each($1)) AND worker_name IS NOT NULL
