-- Adds a job; $8 is when it may be claimed, or null when it is ready at once. It inherits the turn of job $11 if there is
-- one; otherwise its turn comes after $10, its tenant's last one as far as this process knows.
INSERT INTO job (tenant_id, task_id, id, kind, step_id, delivery_id, priority, fence, attempts, crashes, run_at_ms, created_at_ms,
                 vtag, behind)
SELECT $1, $2, $3, $4, $5, $6, $7, 0, 0, 0, $8, $9,
       COALESCE((SELECT parent.vtag FROM job AS parent WHERE parent.tenant_id = $1 AND parent.id = $11),
                CASE WHEN $10 > vtime THEN $10 ELSE vtime END + 1),
       CASE WHEN $10 > vtime THEN $10 - vtime ELSE 0 END + 1
FROM   queue_turn
RETURNING vtag AS "tag!: i64", behind AS "behind!: i64"
