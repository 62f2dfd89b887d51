-- First of three: up to $1 ready jobs, by priority, turn and age; fewer rows mean that fewer are ready, or that some tenants
-- have no more room: $2 is an object that says how many jobs each of them may have, and $3 how many every other.
-- Differs from PostgreSQL: SQLite cannot write two tables in one statement; there is one writer, so the rows are still the
-- same when the next statements name them.
SELECT priority AS "priority!: i64", vtag AS "vtag!: i64", job_id AS "job_id!: String"
FROM (
    SELECT priority, vtag, job_id, tenant_id,
           row_number() OVER (PARTITION BY tenant_id ORDER BY priority, vtag, job_id) AS place
    FROM (
        SELECT priority, vtag, job_id, tenant_id FROM ready
        WHERE  tenant_id NOT IN (SELECT key FROM json_each($2) WHERE value <= 0)
        ORDER  BY priority, vtag, job_id LIMIT $1
    )
) AS placed
WHERE place <= COALESCE((SELECT value FROM json_each($2) WHERE key = tenant_id), $3)
