-- Whether there is anything to claim for one life of a worker: no row when that life is not the present one or its lease
-- lapsed. Only reads.
SELECT CASE WHEN EXISTS (SELECT 1 FROM delayed WHERE run_at_ms <= (SELECT now_ms FROM errand_now)) THEN 1 ELSE 0 END AS "due!: i64",
       CASE WHEN (SELECT 1 FROM ready ORDER BY priority, vtag, job_id LIMIT 1) = 1 THEN 1 ELSE 0 END AS "ready!: i64"
FROM   worker
WHERE  name = $1 AND epoch = $2 AND ended_at_ms IS NULL
  AND  heartbeat_at_ms >= (SELECT now_ms FROM errand_now) - $3
