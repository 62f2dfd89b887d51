-- Dead letters that were set aside before $2 (with the id $3 as the tie-break), the last one first.
SELECT id AS "id!: String", task_id AS "task_id!: String", kind AS "kind!: String", job_kind AS "job_kind!: String", step_id AS "step_id?: String",
       reason AS "reason!: String", log AS "log!: String", crashes AS "crashes!: i64", attempts AS "attempts!: i64", since_ms AS "since_ms!: i64"
FROM   dead_letter
WHERE  tenant_id = $1 AND (since_ms, id) < ($2, $3)
ORDER  BY since_ms DESC, id DESC
LIMIT  $4
