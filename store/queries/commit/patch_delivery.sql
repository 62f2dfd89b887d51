-- Saves what an attempt changed about a message.
UPDATE delivery SET attempts = $4, state = $5, updated_at_ms = $6 WHERE tenant_id = $1 AND task_id = $2 AND id = $3
