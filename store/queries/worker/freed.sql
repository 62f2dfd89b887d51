-- Notes that no job is held any more by a worker's lives up to $2, if that is so.
UPDATE worker SET freed_epoch = $2
WHERE  name = $1 AND freed_epoch < $2
  AND  NOT EXISTS (SELECT 1 FROM job WHERE job.worker_name = $1 AND job.worker_epoch <= $2)
