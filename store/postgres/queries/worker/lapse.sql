-- Ends the lives of workers whose heartbeat is older than the lease.
-- Differs from SQLite: rows that another process is ending, or that are being kept alive right now, are skipped.
UPDATE worker SET ended_at_ms = (SELECT now_ms FROM errand_now)
WHERE  name IN (
    SELECT name FROM worker
    WHERE  ended_at_ms IS NULL AND heartbeat_at_ms < (SELECT now_ms FROM errand_now) - $1
    ORDER BY name FOR UPDATE SKIP LOCKED
)
