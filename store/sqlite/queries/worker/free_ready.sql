-- First of two: makes the jobs that a worker's lives up to $2 still hold ready.
-- Differs from PostgreSQL: SQLite cannot write two tables in one statement.
INSERT INTO ready (priority, vtag, job_id, tenant_id)
SELECT priority, vtag, id, tenant_id FROM job WHERE worker_name = $1 AND worker_epoch <= $2
ON CONFLICT (priority, vtag, job_id) DO NOTHING
