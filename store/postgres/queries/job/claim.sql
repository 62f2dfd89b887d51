-- Claims up to $3 ready jobs for one life of a worker; fewer rows mean that fewer are ready. A row of `ready` whose
-- job is gone or held is only removed.
-- Differs from SQLite: one statement, and rows that others are claiming are skipped, not waited for. The arrays keep the
-- planner, which does not know $3, from reading whole tables for a handful of rows.
WITH picked AS (
    SELECT ctid FROM ready ORDER BY priority, created_at_ms, job_id LIMIT $3 FOR UPDATE SKIP LOCKED
), taken AS (
    DELETE FROM ready WHERE ctid = ANY (ARRAY(SELECT ctid FROM picked)) RETURNING job_id
)
UPDATE job SET worker_name = $1, worker_epoch = $2, fence = fence + 1, run_at_ms = NULL
WHERE  id = ANY (ARRAY(SELECT job_id FROM taken)) AND worker_name IS NULL
RETURNING id, tenant_id, task_id, kind, step_id, delivery_id, priority, created_at_ms, fence, attempts, crashes
