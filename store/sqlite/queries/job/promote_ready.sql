-- Second of three: makes up to 500 jobs that are due at $1 claimable. The three repeat each other's choice, which is safe
-- in one transaction of the one writer.
INSERT INTO ready (priority, vtag, job_id, tenant_id)
SELECT priority, vtag, id, tenant_id FROM job
WHERE  id IN (SELECT job_id FROM delayed WHERE run_at_ms <= $1 ORDER BY run_at_ms, job_id LIMIT 500)
ON CONFLICT (priority, vtag, job_id) DO NOTHING
