-- Notes that the outcome of tool calls is unknown.
-- Differs from PostgreSQL: the calls come as one JSON array of arrays.
UPDATE tool_call SET state = 'unknown', settled_seq = one.seq
FROM   (SELECT value ->> 0 AS tenant_id, value ->> 1 AS task_id, value ->> 2 AS call_id, value ->> 3 AS seq FROM json_each($1)) AS one
WHERE  tool_call.task_id = one.task_id AND tool_call.call_id = one.call_id AND tool_call.tenant_id = one.tenant_id
