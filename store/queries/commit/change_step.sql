-- Saves a step's new state; its outcome is kept when no new one is given.
UPDATE step
SET    state = $4, wait_kind = $5, wait_until_ms = $6, wait_reason = $7,
       outcome_text = CASE WHEN COALESCE($8, $9) IS NULL THEN outcome_text ELSE $8 END,
       outcome_blob = CASE WHEN COALESCE($8, $9) IS NULL THEN outcome_blob ELSE $9 END,
       outcome_bytes = CASE WHEN COALESCE($8, $9) IS NULL THEN outcome_bytes ELSE $10 END
WHERE  tenant_id = $1 AND task_id = $2 AND id = $3
