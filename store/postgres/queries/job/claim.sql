-- Claims up to $3 ready jobs for one life of a worker, by priority, turn and age; fewer rows mean that fewer are ready, or
-- that some tenants have no more room: $5 says how many jobs each tenant of $4 may have, and $6 how many every other. A
-- row of `ready` whose job is gone or held is only removed. Claims nothing while delayed jobs are due, unless $8 is true, or
-- for a life that is over; `look.sql` tells which it was.
-- The worker's row is locked, so that the life cannot end before what is claimed under it is committed, but only when there
-- is something to claim: a claim of nothing writes nothing.
-- Differs from SQLite: one statement, which is its own transaction, and rows that others are claiming are skipped, not
-- waited for. The arrays keep the planner, which does not know $3, from reading whole tables for a handful of rows.
WITH room AS (
    SELECT * FROM unnest($4::text[], $5::bigint[]) AS room (tenant_id, jobs)
), live AS MATERIALIZED (
    SELECT 1 FROM worker
    WHERE  name = $1 AND epoch = $2 AND ended_at_ms IS NULL
      AND  heartbeat_at_ms >= (SELECT now_ms FROM errand_now) - $7
      AND  ($8 OR NOT EXISTS (SELECT 1 FROM delayed WHERE run_at_ms <= (SELECT now_ms FROM errand_now)))
      AND  (SELECT 1 FROM ready WHERE tenant_id <> ALL (ARRAY(SELECT tenant_id FROM room WHERE jobs <= 0))
            ORDER BY priority, vtag, job_id LIMIT 1) = 1
    FOR    NO KEY UPDATE
), picked AS (
    SELECT ctid, priority, vtag, job_id, tenant_id FROM ready
    WHERE  EXISTS (SELECT 1 FROM live) AND tenant_id <> ALL (ARRAY(SELECT tenant_id FROM room WHERE jobs <= 0))
    ORDER  BY priority, vtag, job_id LIMIT $3 FOR UPDATE SKIP LOCKED
), placed AS (
    SELECT ctid, tenant_id, row_number() OVER (PARTITION BY tenant_id ORDER BY priority, vtag, job_id) AS place FROM picked
), chosen AS (
    SELECT placed.ctid FROM placed LEFT JOIN room ON room.tenant_id = placed.tenant_id WHERE place <= COALESCE(room.jobs, $6)
), taken AS (
    DELETE FROM ready WHERE ctid = ANY (ARRAY(SELECT ctid FROM chosen)) RETURNING job_id, vtag
), turn AS (
    UPDATE worker SET vtime = GREATEST(vtime, (SELECT MAX(vtag) FROM taken))
    WHERE  name = $1 AND vtime < (SELECT MAX(vtag) FROM taken)
)
UPDATE job SET worker_name = $1, worker_epoch = $2, fence = fence + 1, run_at_ms = NULL
WHERE  id = ANY (ARRAY(SELECT job_id FROM taken)) AND worker_name IS NULL
RETURNING id, tenant_id, task_id, kind, step_id, delivery_id, priority, vtag, fence, attempts, crashes
