-- Notes that the commits of a batch name blobs.
-- Differs from PostgreSQL: the blobs come as one JSON array of arrays.
INSERT INTO blob (tenant_id, hash, bytes, named_at_ms)
SELECT value ->> 0, value ->> 1, value ->> 2, now_ms FROM json_each($1), errand_now WHERE true
ON CONFLICT (tenant_id, hash) DO NOTHING
