-- Every job that one life of a worker holds. Scans the live jobs: it is asked only when an answer was lost.
SELECT tenant_id, task_id, id, fence
FROM   job
WHERE  worker_name = $1 AND worker_epoch = $2
