-- Writes messages that are to be sent.
-- Differs from SQLite: how the JSON array of messages is read.
INSERT INTO delivery (tenant_id, task_id, id, webhook_id, kind, body, state, attempts, created_at_ms, updated_at_ms)
SELECT tenant_id, task_id, id, webhook_id, kind, body, state, 0, at_ms, at_ms
FROM   json_to_recordset(CAST(CAST($1 AS text) AS json)) AS wanted (
           tenant_id text, task_id text, id text, webhook_id text, kind text, body text, state text, at_ms bigint
       )
