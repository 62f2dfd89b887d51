-- Up to $5 events of one step after number $4, in order.
SELECT seq, at_ms, v, kind, step_id, public_text, public_blob, public_bytes, private_text, private_blob, private_bytes
FROM   event
WHERE  tenant_id = $1 AND task_id = $2 AND step_id = $3 AND seq > $4
ORDER  BY seq
LIMIT  $5
