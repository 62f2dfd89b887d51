-- Notes that the tasks of a batch name blobs. Fails when one of them is being swept.
-- Differs from PostgreSQL: the blobs come as one JSON array of arrays.
INSERT INTO blob (tenant_id, task_id, hash, bytes)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($1) WHERE true
ON CONFLICT (task_id, hash) DO NOTHING
