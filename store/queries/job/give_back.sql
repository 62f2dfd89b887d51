-- Ends the hold of a job under one fence; $5 is added to its attempts. $6 is for how long it waits; then its turn comes
-- after $7, the last one of its tenant's that came back, as far as this process knows. Null: it keeps its turn.
UPDATE job
SET    worker_name = NULL, worker_epoch = NULL, attempts = attempts + $5,
       run_at_ms = (SELECT now_ms FROM errand_now) + $6,
       behind = CASE WHEN $7 > vtime THEN $7 - vtime ELSE 0 END + 1
FROM   queue_turn
WHERE  tenant_id = $1 AND task_id = $2 AND id = $3 AND fence = $4 AND worker_name IS NOT NULL
RETURNING run_at_ms, behind + (SELECT vtime FROM queue_turn) AS "tag!: i64", behind AS "behind!: i64"
