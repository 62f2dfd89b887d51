-- A dead letter is none any more; says which sort it was and whose it is.
DELETE FROM dead_letter WHERE tenant_id = $1 AND id = $2
RETURNING kind AS "kind!: String", task_id AS "task_id!: String"
