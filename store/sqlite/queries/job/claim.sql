-- Second of three: claims the chosen jobs for one life of a worker. A row of `ready` whose job is gone or held is only
-- removed, by the statement that follows.
UPDATE job SET worker_name = $1, worker_epoch = $2, fence = fence + 1, run_at_ms = NULL
WHERE  worker_name IS NULL AND id IN (SELECT value FROM json_each($3))
RETURNING id AS "id!: String", tenant_id AS "tenant_id!: String", task_id AS "task_id!: String", kind AS "kind!: String",
          step_id AS "step_id?: String", delivery_id AS "delivery_id?: String", priority AS "priority!: i64",
          vtag AS "vtag!: i64", fence AS "fence!: i64", attempts AS "attempts!: i64",
          crashes AS "crashes!: i64"
