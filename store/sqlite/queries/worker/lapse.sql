-- Ends the lives of workers whose heartbeat is older than the lease.
-- Differs from PostgreSQL: no row can be locked by others, there is one writer.
UPDATE worker SET ended_at_ms = (SELECT now_ms FROM errand_now)
WHERE  ended_at_ms IS NULL AND heartbeat_at_ms < (SELECT now_ms FROM errand_now) - $1
