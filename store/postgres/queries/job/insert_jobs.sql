-- Adds jobs. Each inherits the turn of its parent if that is there; otherwise it has a turn of its own.
-- Differs from SQLite: jobs and their places in the queue in one statement; how the JSON array of jobs is read.
WITH added AS (
    INSERT INTO job (
        tenant_id, task_id, id, kind, step_id, delivery_id, priority, fence, attempts, crashes, run_at_ms,
        created_at_ms, vtag, behind
    )
    SELECT tenant_id, task_id, id, kind, step_id, delivery_id, priority, 0, 0, 0, run_at_ms, created_at_ms,
           COALESCE((SELECT parent.vtag FROM job AS parent
                     WHERE parent.id = wanted.parent_id AND parent.tenant_id IS NOT DISTINCT FROM wanted.tenant_id), vtag),
           behind
    FROM   json_to_recordset(CAST(CAST($1 AS text) AS json)) AS wanted (
               tenant_id text, task_id text, id text, kind text, step_id text, delivery_id text, priority bigint,
               run_at_ms bigint, created_at_ms bigint, parent_id text, vtag bigint, behind bigint
           )
    RETURNING id, tenant_id, priority, vtag, run_at_ms
), later AS (
    INSERT INTO delayed (run_at_ms, job_id, tenant_id)
    SELECT run_at_ms, id, tenant_id FROM added WHERE run_at_ms IS NOT NULL
)
INSERT INTO ready (priority, vtag, job_id, tenant_id)
SELECT priority, vtag, id, tenant_id FROM added WHERE run_at_ms IS NULL
