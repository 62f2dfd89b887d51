-- All artifacts of a task, by name.
SELECT id, name, blob, bytes, media_type, step_id, created_at_ms
FROM   artifact
WHERE  tenant_id = $1 AND task_id = $2
ORDER  BY name
