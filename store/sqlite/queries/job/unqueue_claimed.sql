-- Takes the $1 rows that were just claimed out of `ready`.
DELETE FROM ready
WHERE  (priority, created_at_ms, job_id) IN
       (SELECT priority, created_at_ms, job_id FROM ready ORDER BY priority, created_at_ms, job_id LIMIT $1)
