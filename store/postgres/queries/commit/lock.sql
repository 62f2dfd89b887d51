-- Locks what a batch of commits needs: workers that jobs are handed to, so that no life ends before what is given to it is committed;
-- tasks, so that each one's log is written by one process at a time; jobs, so that no hold is taken away between the check and the
-- commit. Each by id and each after the kind before it, so that batches cannot wait for each other in a circle.
WITH lives AS MATERIALIZED (
    SELECT name FROM worker WHERE name = ANY ($1) ORDER BY name FOR NO KEY UPDATE
), tasks AS MATERIALIZED (
    SELECT task.id FROM task
    JOIN   unnest($2::text[], $3::text[]) AS wanted (tenant_id, id) ON wanted.tenant_id = task.tenant_id AND wanted.id = task.id
    WHERE  (SELECT count(*) FROM lives) >= 0
    ORDER  BY task.id
    FOR    NO KEY UPDATE OF task
)
SELECT job.id FROM job
JOIN   unnest($4::text[], $5::text[]) AS wanted (tenant_id, id) ON wanted.tenant_id = job.tenant_id AND wanted.id = job.id
WHERE  (SELECT count(*) FROM tasks) >= 0
ORDER  BY job.id
FOR    NO KEY UPDATE OF job
