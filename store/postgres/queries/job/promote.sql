-- Makes up to 500 due delayed jobs claimable.
-- Differs from SQLite: one statement, and rows that others are moving are skipped, not waited for.
WITH due AS (
    SELECT run_at_ms, job_id FROM delayed WHERE run_at_ms <= (SELECT now_ms FROM errand_now)
    ORDER BY run_at_ms, job_id LIMIT 500 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM delayed USING due
    WHERE delayed.run_at_ms = due.run_at_ms AND delayed.job_id = due.job_id
    RETURNING delayed.job_id
), moved AS (
    UPDATE job SET run_at_ms = NULL FROM gone WHERE job.id = gone.job_id
    RETURNING job.priority, job.created_at_ms, job.id, job.tenant_id
)
INSERT INTO ready (priority, created_at_ms, job_id, tenant_id)
SELECT priority, created_at_ms, id, tenant_id FROM moved
ON CONFLICT (priority, created_at_ms, job_id) DO NOTHING
