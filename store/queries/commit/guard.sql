-- What a guard is compared with: the task's version, and the fence its job is held under, if it is held.
SELECT task.version, job.fence AS "fence?: i64"
FROM   task
LEFT JOIN job ON job.id = $3 AND job.tenant_id = task.tenant_id AND job.task_id = task.id AND job.worker_name IS NOT NULL
WHERE  task.tenant_id = $1 AND task.id = $2
