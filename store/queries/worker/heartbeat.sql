-- Keeps a life's lease. One that ended or lapsed is not revived: no row changes.
UPDATE worker SET heartbeat_at_ms = (SELECT now_ms FROM errand_now)
WHERE  name = $1 AND epoch = $2 AND ended_at_ms IS NULL
  AND  heartbeat_at_ms >= (SELECT now_ms FROM errand_now) - $3
