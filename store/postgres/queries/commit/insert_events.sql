-- Adds the events of a batch under numbers that the updates of their tasks have made room for.
-- Differs from SQLite: all in one round trip, as arrays.
INSERT INTO event (v, tenant_id, task_id, seq, at_ms, kind, step_id, public_text, public_blob, public_bytes, private_text, private_blob, private_bytes)
SELECT $1, one.*
FROM   unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[],
              $11::text[], $12::text[], $13::bigint[]) AS one
