-- Makes a job claimable now.
INSERT INTO ready (priority, created_at_ms, job_id, tenant_id)
SELECT priority, created_at_ms, id, tenant_id FROM job WHERE tenant_id = $1 AND id = $2
ON CONFLICT (priority, created_at_ms, job_id) DO NOTHING
