-- Whether a life of a worker is its present one and its lease still runs.
-- Differs from SQLite: the row is locked, so that the life cannot end before what is claimed under it is committed.
SELECT epoch FROM worker
WHERE  name = $1 AND epoch = $2 AND ended_at_ms IS NULL
  AND  heartbeat_at_ms >= (SELECT now_ms FROM errand_now) - $3
FOR NO KEY UPDATE
