-- Takes the jobs of one step out of `delayed`. Comes before the jobs themselves: whoever claims locks in that order too.
DELETE FROM delayed
WHERE  (run_at_ms, job_id) IN (SELECT run_at_ms, id FROM job WHERE tenant_id = $1 AND task_id = $2 AND step_id = $3)
