-- Takes every job of a task, deliveries excepted, out of `ready`. Comes before the jobs themselves: whoever claims
-- locks in that order too.
DELETE FROM ready
WHERE  (priority, vtag, job_id) IN (SELECT priority, vtag, id FROM job WHERE tenant_id = $1 AND task_id = $2 AND kind <> 'deliver')
