-- The fences under which these jobs are held; a job that is gone or that nobody holds has no row.
-- Differs from SQLite: the ids come as an array.
SELECT id, fence FROM job WHERE id = ANY($1) AND worker_name IS NOT NULL
