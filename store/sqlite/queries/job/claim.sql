-- Claims up to $3 ready jobs for one life of a worker; fewer rows mean that fewer are ready. A row of `ready` whose
-- job is gone or held is only removed, by the statement that follows.
-- Differs from PostgreSQL: a second statement takes the same rows out of `ready`; there is one writer, so they are
-- still the same.
UPDATE job SET worker_name = $1, worker_epoch = $2, fence = fence + 1, run_at_ms = NULL
WHERE  worker_name IS NULL
  AND  id IN (SELECT job_id FROM ready ORDER BY priority, created_at_ms, job_id LIMIT $3)
RETURNING id AS "id!: String", tenant_id AS "tenant_id!: String", task_id AS "task_id!: String", kind AS "kind!: String",
          step_id AS "step_id?: String", delivery_id AS "delivery_id?: String", priority AS "priority!: i64",
          created_at_ms AS "created_at_ms!: i64", fence AS "fence!: i64", attempts AS "attempts!: i64",
          crashes AS "crashes!: i64"
