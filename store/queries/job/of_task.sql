-- Where the jobs of a task lie: held while `worker_name` is set, ready while there is a row in `ready`, a dead letter while
-- there is a row in `dead_letter`.
SELECT job.id AS "id!: String", job.kind AS "kind!: String", job.step_id AS "step_id?: String", job.delivery_id AS "delivery_id?: String",
       job.worker_name AS "worker_name?: String", job.worker_epoch AS "worker_epoch?: i64", job.attempts AS "attempts!: i64",
       job.crashes AS "crashes!: i64", job.run_at_ms AS "run_at_ms?: i64", ready.job_id AS "ready_id?: String",
       dead_letter.kind AS "dead_kind?: String", dead_letter.reason AS "dead_reason?: String",
       worker.epoch AS "present_epoch?: i64", worker.heartbeat_at_ms AS "heartbeat_at_ms?: i64", worker.ended_at_ms AS "ended_at_ms?: i64"
FROM   job
LEFT JOIN ready ON ready.priority = job.priority AND ready.vtag = job.vtag AND ready.job_id = job.id
LEFT JOIN dead_letter ON dead_letter.tenant_id = job.tenant_id AND dead_letter.id = job.id
LEFT JOIN worker ON worker.name = job.worker_name
WHERE  job.tenant_id = $1 AND job.task_id = $2
ORDER  BY job.id
