-- Makes a job claimable at a time, which the job's own row names too.
INSERT INTO delayed (run_at_ms, job_id, tenant_id) VALUES ($1, $2, $3)
