-- Forgets how often a job that nobody holds was tried and how often its holder died, and gives it a turn like one whose
-- time has come: many that are requeued at once must not come before what others have waiting.
UPDATE job SET crashes = 0, attempts = 0, run_at_ms = NULL, vtag = behind + (SELECT vtime FROM queue_turn)
WHERE  tenant_id = $1 AND task_id = $2 AND id = $3 AND worker_name IS NULL
