-- Makes the jobs that a worker's lives up to $2 still hold ready, and counts the crash.
-- Differs from SQLite: a job that a late commit of such a life has locked is left for the next round.
WITH dead AS (
    SELECT id FROM job WHERE worker_name = $1 AND worker_epoch <= $2 ORDER BY id FOR UPDATE SKIP LOCKED
), freed AS (
    UPDATE job SET worker_name = NULL, worker_epoch = NULL, crashes = crashes + 1
    WHERE id = ANY (ARRAY(SELECT id FROM dead))
    RETURNING priority, vtag, id, tenant_id
)
INSERT INTO ready (priority, vtag, job_id, tenant_id)
SELECT priority, vtag, id, tenant_id FROM freed
ON CONFLICT (priority, vtag, job_id) DO NOTHING
