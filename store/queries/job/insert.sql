-- Adds a job; $7 is when it may be claimed, or null when it is ready at once.
INSERT INTO job (tenant_id, task_id, id, kind, step_id, delivery_id, priority, fence, attempts, crashes, run_at_ms, created_at_ms)
VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, 0, $7, $8)
