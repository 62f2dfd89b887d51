-- Claims up to $3 ready jobs for one life of a worker; fewer rows mean that fewer are ready. A row of `ready` whose
-- job is gone or held is only removed.
-- Differs from SQLite: one statement, and rows that others are claiming are skipped, not waited for.
WITH picked AS (
    SELECT priority, created_at_ms, job_id FROM ready
    ORDER BY priority, created_at_ms, job_id LIMIT $3 FOR UPDATE SKIP LOCKED
), taken AS (
    DELETE FROM ready USING picked
    WHERE ready.priority = picked.priority AND ready.created_at_ms = picked.created_at_ms AND ready.job_id = picked.job_id
    RETURNING ready.job_id
)
UPDATE job SET worker_name = $1, worker_epoch = $2, fence = fence + 1, run_at_ms = NULL
FROM   taken WHERE job.id = taken.job_id AND job.worker_name IS NULL
RETURNING job.id, job.tenant_id, job.task_id, job.kind, job.step_id, job.delivery_id, job.priority, job.created_at_ms,
          job.fence, job.attempts, job.crashes
