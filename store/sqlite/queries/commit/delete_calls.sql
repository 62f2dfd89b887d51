-- Forgets tool calls that ended: how is in the log.
-- Differs from PostgreSQL: the calls come as one JSON array of arrays.
DELETE FROM tool_call
WHERE  (task_id, call_id, tenant_id) IN (SELECT value ->> 1, value ->> 2, value ->> 0 FROM json_each($1))
