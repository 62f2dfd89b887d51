-- First of three: adds jobs. Each inherits the turn of its parent if that is there; otherwise it has a turn of its own.
-- Differs from PostgreSQL: SQLite cannot write several tables in one statement; how the JSON array of jobs is read.
INSERT INTO job (
    tenant_id, task_id, id, kind, step_id, delivery_id, priority, fence, attempts, crashes, run_at_ms, created_at_ms,
    vtag, behind
)
SELECT value ->> 'tenant_id', value ->> 'task_id', value ->> 'id', value ->> 'kind', value ->> 'step_id', value ->> 'delivery_id',
       value ->> 'priority', 0, 0, 0, value ->> 'run_at_ms', value ->> 'created_at_ms',
       COALESCE((SELECT parent.vtag FROM job AS parent
                 WHERE parent.id = value ->> 'parent_id' AND parent.tenant_id = value ->> 'tenant_id'), value ->> 'vtag'),
       value ->> 'behind'
FROM   json_each($1)
