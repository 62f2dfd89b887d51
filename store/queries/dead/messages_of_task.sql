-- The messages of a task that were given up, and why.
SELECT id AS "id!: String", reason AS "reason!: String"
FROM   dead_letter
WHERE  tenant_id = $1 AND task_id = $2 AND kind = 'delivery'
ORDER  BY id
