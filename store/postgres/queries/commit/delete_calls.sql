-- Forgets tool calls that ended: how is in the log.
-- Differs from SQLite: all in one round trip, as arrays.
DELETE FROM tool_call
USING  unnest($1::text[], $2::text[], $3::text[]) AS one (tenant_id, task_id, call_id)
WHERE  tool_call.task_id = one.task_id AND tool_call.call_id = one.call_id AND tool_call.tenant_id = one.tenant_id
