-- Second of two: ends those holds, and counts the crash.
UPDATE job SET worker_name = NULL, worker_epoch = NULL, crashes = crashes + 1
WHERE  worker_name = $1 AND worker_epoch <= $2
