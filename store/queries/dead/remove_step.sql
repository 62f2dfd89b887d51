-- The jobs of a step are no dead letters any more.
DELETE FROM dead_letter WHERE tenant_id = $1 AND task_id = $2 AND step_id = $3
