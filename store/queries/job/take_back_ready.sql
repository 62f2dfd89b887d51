-- Makes the jobs of one step claimable, held or not. Comes before the jobs themselves: whoever claims locks in that order
-- too.
INSERT INTO ready (priority, vtag, job_id, tenant_id)
SELECT priority, vtag, id, tenant_id FROM job
WHERE  tenant_id = $1 AND task_id = $2 AND step_id = $3
ON CONFLICT (priority, vtag, job_id) DO NOTHING
