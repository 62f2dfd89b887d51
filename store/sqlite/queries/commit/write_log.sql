-- Writes what the commits of a batch have left to be written, in one go: to hand a statement to the thread of a connection costs
-- more than a statement that has nothing to do.
-- Differs from PostgreSQL: rows come as JSON arrays of arrays, and each table has a statement of its own.

-- Events, under numbers that the updates of their tasks have made room for.
INSERT INTO event (v, tenant_id, task_id, seq, at_ms, kind, step_id, public_text, public_blob, public_bytes, private_text, private_blob, private_bytes)
SELECT $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9,
       value ->> 10, value ->> 11
FROM   json_each($2);

-- Tool calls that are about to be made; one that was intended before gets the newer fence and is open again.
INSERT INTO tool_call (tenant_id, task_id, fence, intended_seq, call_id, step_id, tool, effect, key, state)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, 'intended'
FROM   json_each($3) WHERE true
ON CONFLICT (task_id, call_id) DO UPDATE SET fence = excluded.fence, state = excluded.state, settled_seq = NULL;

-- Tool calls that ended are forgotten: how is in the log.
DELETE FROM tool_call
WHERE  (task_id, call_id, tenant_id) IN (SELECT value ->> 1, value ->> 2, value ->> 0 FROM json_each($4));

-- Blobs that tasks name. Fails when one of them is being swept.
INSERT INTO blob (tenant_id, task_id, hash, bytes)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($5) WHERE true
ON CONFLICT (task_id, hash) DO NOTHING;

-- Jobs that are held under a fence and whose work is done.
DELETE FROM job
WHERE  (id, tenant_id, task_id, fence) IN (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($6));
