-- Makes a job claimable now.
INSERT INTO ready (priority, vtag, job_id, tenant_id)
SELECT priority, vtag, id, tenant_id FROM job WHERE tenant_id = $1 AND id = $2
ON CONFLICT (priority, vtag, job_id) DO NOTHING
