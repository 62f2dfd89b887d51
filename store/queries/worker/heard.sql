-- When any worker whose life is not over was last heard of.
SELECT max(heartbeat_at_ms) AS "heartbeat_at_ms?: i64" FROM worker WHERE ended_at_ms IS NULL
