-- Saves new states of steps, of which no two are one step; an outcome and a snapshot are kept when no new one is given.
-- Differs from PostgreSQL: how the JSON array of changes is read.
UPDATE step
SET    state = wanted.state, wait_kind = wanted.wait_kind, wait_until_ms = wanted.wait_until_ms, wait_reason = wanted.wait_reason,
       outcome_text = CASE WHEN COALESCE(wanted.outcome_text, wanted.outcome_blob) IS NULL THEN step.outcome_text ELSE wanted.outcome_text END,
       outcome_blob = CASE WHEN COALESCE(wanted.outcome_text, wanted.outcome_blob) IS NULL THEN step.outcome_blob ELSE wanted.outcome_blob END,
       outcome_bytes = CASE WHEN COALESCE(wanted.outcome_text, wanted.outcome_blob) IS NULL THEN step.outcome_bytes ELSE wanted.outcome_bytes END,
       snapshot = COALESCE(wanted.snapshot, step.snapshot)
FROM   (SELECT value ->> 'tenant_id' AS tenant_id, value ->> 'task_id' AS task_id, value ->> 'id' AS id,
               value ->> 'state' AS state, value ->> 'wait_kind' AS wait_kind,
               value ->> 'wait_until_ms' AS wait_until_ms, value ->> 'wait_reason' AS wait_reason,
               value ->> 'outcome_text' AS outcome_text, value ->> 'outcome_blob' AS outcome_blob,
               value ->> 'outcome_bytes' AS outcome_bytes, value ->> 'snapshot' AS snapshot
        FROM   json_each($1)) AS wanted
WHERE  step.id = wanted.id AND step.tenant_id = wanted.tenant_id AND step.task_id = wanted.task_id
