-- Notes that a commit names a blob.
-- Differs from PostgreSQL: one at a time, there is no round trip to save.
INSERT INTO blob (tenant_id, hash, bytes, named_at_ms)
SELECT $1, $2, $3, now_ms FROM errand_now WHERE true
ON CONFLICT (tenant_id, hash) DO NOTHING
