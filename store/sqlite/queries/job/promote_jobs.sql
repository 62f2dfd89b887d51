-- First of three: forgets the delay of the jobs that are due at $1, and gives them a turn.
UPDATE job SET run_at_ms = NULL, vtag = behind + (SELECT vtime FROM queue_turn)
WHERE  id IN (SELECT job_id FROM delayed WHERE run_at_ms <= $1 ORDER BY run_at_ms, job_id LIMIT 500)
