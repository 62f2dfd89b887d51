-- Notes that the outcome of tool calls is unknown.
-- Differs from SQLite: all in one round trip, as arrays.
UPDATE tool_call SET state = 'unknown', settled_seq = one.seq
FROM   unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS one (tenant_id, task_id, call_id, seq)
WHERE  tool_call.task_id = one.task_id AND tool_call.call_id = one.call_id AND tool_call.tenant_id = one.tenant_id
