-- Records tool calls that are about to be made; one that was intended before gets the newer fence and is open again.
-- Differs from PostgreSQL: the calls come as one JSON array of arrays.
INSERT INTO tool_call (tenant_id, task_id, fence, intended_seq, call_id, step_id, tool, effect, key, state)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, 'intended'
FROM   json_each($1) WHERE true
ON CONFLICT (task_id, call_id) DO UPDATE SET fence = excluded.fence, state = excluded.state, settled_seq = NULL
