-- Notes that the commits of a batch name blobs. Fails when one of them is being swept. The tasks are locked, so two batches
-- never name the same blob for one task at once.
-- Differs from SQLite: all in one round trip, as arrays.
INSERT INTO blob (tenant_id, task_id, hash, bytes)
SELECT one.tenant_id, one.task_id, one.hash, one.bytes
FROM   unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS one (tenant_id, task_id, hash, bytes)
ON CONFLICT (task_id, hash) DO NOTHING
