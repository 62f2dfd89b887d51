-- Saves new states of steps, of which no two are one step; an outcome and a snapshot are kept when no new one is given.
-- Differs from SQLite: how the JSON array of changes is read; `IS NOT DISTINCT FROM` keeps the planner on the key.
UPDATE step
SET    state = wanted.state, wait_kind = wanted.wait_kind, wait_until_ms = wanted.wait_until_ms, wait_reason = wanted.wait_reason,
       outcome_text = CASE WHEN COALESCE(wanted.outcome_text, wanted.outcome_blob) IS NULL THEN step.outcome_text ELSE wanted.outcome_text END,
       outcome_blob = CASE WHEN COALESCE(wanted.outcome_text, wanted.outcome_blob) IS NULL THEN step.outcome_blob ELSE wanted.outcome_blob END,
       outcome_bytes = CASE WHEN COALESCE(wanted.outcome_text, wanted.outcome_blob) IS NULL THEN step.outcome_bytes ELSE wanted.outcome_bytes END,
       snapshot = COALESCE(wanted.snapshot, step.snapshot)
FROM   json_to_recordset(CAST(CAST($1 AS text) AS json)) AS wanted (
           tenant_id text, task_id text, id text, state text, wait_kind text, wait_until_ms bigint, wait_reason text,
           outcome_text text, outcome_blob text, outcome_bytes bigint, snapshot text
       )
WHERE  step.id = wanted.id AND step.tenant_id IS NOT DISTINCT FROM wanted.tenant_id AND step.task_id IS NOT DISTINCT FROM wanted.task_id
