-- Forgets up to $3 of the blobs that a removed task named.
DELETE FROM blob
WHERE  tenant_id = $1 AND task_id = $2
  AND  hash IN (SELECT hash FROM blob WHERE task_id = $2 ORDER BY hash LIMIT $3)
