-- All steps of a task, in order.
SELECT id, ordinal, plan_version, key, title, state, depends_on, spec_text, spec_blob, spec_bytes,
       outcome_text, outcome_blob, outcome_bytes, snapshot, wait_kind, wait_until_ms, wait_reason
FROM   step
WHERE  tenant_id = $1 AND task_id = $2
ORDER  BY ordinal
