-- Begins the schedule of a message again.
UPDATE delivery SET state = 'pending', attempts = 0, updated_at_ms = (SELECT now_ms FROM errand_now)
WHERE  tenant_id = $1 AND task_id = $2 AND id = $3
