-- Whether a task names a blob.
SELECT COUNT(*) AS "named!: i64"
FROM   (SELECT 1 AS one FROM blob WHERE tenant_id = $1 AND hash = $2 LIMIT 1) AS found
