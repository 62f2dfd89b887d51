-- Notes that the commits of a batch name blobs. They come in the same order from every process, so that two batches cannot
-- wait for each other in a circle.
-- Differs from SQLite: all in one round trip, as arrays.
INSERT INTO blob (tenant_id, hash, bytes, named_at_ms)
SELECT one.tenant_id, one.hash, one.bytes, now_ms
FROM   unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS one (tenant_id, hash, bytes, place), errand_now
ORDER  BY one.place
ON CONFLICT (tenant_id, hash) DO NOTHING
