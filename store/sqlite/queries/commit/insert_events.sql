-- Adds the events of a batch under numbers that the updates of their tasks have made room for.
-- Differs from PostgreSQL: the events come as one JSON array of arrays.
INSERT INTO event (v, tenant_id, task_id, seq, at_ms, kind, step_id, public_text, public_blob, public_bytes, private_text, private_blob, private_bytes)
SELECT $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9,
       value ->> 10, value ->> 11
FROM   json_each($2)
