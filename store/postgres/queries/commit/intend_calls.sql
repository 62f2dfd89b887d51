-- Records tool calls that are about to be made; one that was intended before gets the newer fence and is open again.
-- Differs from SQLite: all in one round trip, as arrays.
INSERT INTO tool_call (tenant_id, task_id, fence, intended_seq, call_id, step_id, tool, effect, key, state)
SELECT one.*, 'intended'
FROM   unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[]) AS one
ON CONFLICT (task_id, call_id) DO UPDATE SET fence = excluded.fence, state = excluded.state, settled_seq = NULL
