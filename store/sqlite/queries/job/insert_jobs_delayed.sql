-- Third of three: makes the others claimable at their time.
INSERT INTO delayed (run_at_ms, job_id, tenant_id)
SELECT run_at_ms, id, tenant_id FROM job
WHERE  run_at_ms IS NOT NULL AND id IN (SELECT value ->> 'id' FROM json_each($1))
