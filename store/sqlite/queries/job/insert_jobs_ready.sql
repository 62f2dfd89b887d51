-- Second of three: makes the new jobs claimable that need not wait for a time and were not handed over.
INSERT INTO ready (priority, vtag, job_id, tenant_id)
SELECT priority, vtag, id, tenant_id FROM job
WHERE  run_at_ms IS NULL AND worker_name IS NULL AND id IN (SELECT value ->> 'id' FROM json_each($1))
