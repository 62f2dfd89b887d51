-- Makes every job of a task that nobody holds claimable now, deliveries and dead letters excepted.
INSERT INTO ready (priority, vtag, job_id, tenant_id)
SELECT priority, vtag, id, tenant_id FROM job
WHERE  tenant_id = $1 AND task_id = $2 AND kind <> 'deliver' AND worker_name IS NULL
  AND  NOT EXISTS (SELECT 1 FROM dead_letter WHERE dead_letter.tenant_id = job.tenant_id AND dead_letter.id = job.id)
ON CONFLICT (priority, vtag, job_id) DO NOTHING
