-- Last of three: takes the jobs that are due at $1 out of `delayed`.
DELETE FROM delayed
WHERE  (run_at_ms, job_id) IN (SELECT run_at_ms, job_id FROM delayed WHERE run_at_ms <= $1 ORDER BY run_at_ms, job_id LIMIT 500)
