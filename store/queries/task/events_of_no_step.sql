-- Up to $4 events that belong to no step, after number $3, in order.
SELECT seq, at_ms, v, kind, step_id, public_text, public_blob, public_bytes, private_text, private_blob, private_bytes
FROM   event
WHERE  tenant_id = $1 AND task_id = $2 AND step_id IS NULL AND seq > $3
ORDER  BY seq
LIMIT  $4
