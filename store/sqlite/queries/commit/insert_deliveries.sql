-- Writes messages that are to be sent.
-- Differs from PostgreSQL: how the JSON array of messages is read.
INSERT INTO delivery (tenant_id, task_id, id, webhook_id, kind, body, state, attempts, created_at_ms, updated_at_ms)
SELECT value ->> 'tenant_id', value ->> 'task_id', value ->> 'id', value ->> 'webhook_id', value ->> 'kind', value ->> 'body',
       value ->> 'state', 0, value ->> 'at_ms', value ->> 'at_ms'
FROM   json_each($1)
