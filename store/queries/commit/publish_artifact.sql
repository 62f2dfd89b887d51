-- Publishes a file; one of the same name gives way.
INSERT INTO artifact (tenant_id, task_id, id, name, blob, bytes, media_type, step_id, created_at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (task_id, name) DO UPDATE
SET id = excluded.id, blob = excluded.blob, bytes = excluded.bytes, media_type = excluded.media_type,
    step_id = excluded.step_id, created_at_ms = excluded.created_at_ms
