-- Makes a message that was given up a dead letter; $4 is the number of the event that says why, as a JSON list, and
-- $6 the job that sent it.
INSERT INTO dead_letter (tenant_id, id, task_id, kind, job_kind, step_id, reason, log, crashes, attempts, since_ms)
SELECT delivery.tenant_id, delivery.id, delivery.task_id, 'delivery', 'deliver', NULL, $5, $4,
       coalesce((SELECT crashes FROM job WHERE job.id = $6), 0), delivery.attempts, clock.now_ms
FROM   delivery, errand_now AS clock
WHERE  delivery.tenant_id = $1 AND delivery.task_id = $2 AND delivery.id = $3
ON CONFLICT (tenant_id, id) DO UPDATE
SET    reason = excluded.reason, log = excluded.log, crashes = excluded.crashes, attempts = excluded.attempts, since_ms = excluded.since_ms
