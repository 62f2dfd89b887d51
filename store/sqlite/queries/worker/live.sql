-- Whether a life of a worker is its present one and its lease still runs.
-- Differs from PostgreSQL: no lock is needed, there is one writer.
SELECT epoch FROM worker
WHERE  name = $1 AND epoch = $2 AND ended_at_ms IS NULL
  AND  heartbeat_at_ms >= (SELECT now_ms FROM errand_now) - $3
