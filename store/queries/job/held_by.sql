-- Every job that one life of a worker holds. Scans the live jobs: it is asked only when an answer was lost or a job was taken away.
SELECT id, tenant_id, task_id, kind, step_id, delivery_id, priority, vtag, fence, attempts, crashes
FROM   job
WHERE  worker_name = $1 AND worker_epoch = $2
