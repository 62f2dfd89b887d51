-- Makes up to 500 due delayed jobs claimable.
-- Differs from SQLite: one statement, and rows that others are moving are skipped, not waited for. The arrays are there for
-- the planner's sake, as in `claim.sql`.
WITH due AS (
    SELECT ctid FROM delayed WHERE run_at_ms <= (SELECT now_ms FROM errand_now)
    ORDER BY run_at_ms, job_id LIMIT 500 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM delayed WHERE ctid = ANY (ARRAY(SELECT ctid FROM due)) RETURNING job_id
), moved AS (
    UPDATE job SET run_at_ms = NULL, vtag = behind + vtime FROM queue_turn
    WHERE id = ANY (ARRAY(SELECT job_id FROM gone))
    RETURNING priority, vtag, id, tenant_id
)
INSERT INTO ready (priority, vtag, job_id, tenant_id)
SELECT priority, vtag, id, tenant_id FROM moved
ON CONFLICT (priority, vtag, job_id) DO NOTHING
