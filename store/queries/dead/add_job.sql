-- Makes a job a dead letter of kind $4; $5 is why and $6 what its log says last.
INSERT INTO dead_letter (tenant_id, id, task_id, kind, job_kind, step_id, reason, log, crashes, attempts, since_ms)
SELECT job.tenant_id, job.id, job.task_id, $4, job.kind, job.step_id, $5, $6, job.crashes, job.attempts, clock.now_ms
FROM   job, errand_now AS clock
WHERE  job.tenant_id = $1 AND job.task_id = $2 AND job.id = $3
ON CONFLICT (tenant_id, id) DO UPDATE
SET    kind = excluded.kind, reason = excluded.reason, log = excluded.log, crashes = excluded.crashes, attempts = excluded.attempts,
       since_ms = excluded.since_ms
