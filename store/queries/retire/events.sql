-- Removes up to $3 events of a left-over log, from its end: who still reads it sees it cut off, and never a gap.
DELETE FROM event
WHERE  tenant_id = $1 AND task_id = $2
  AND  seq > (SELECT MAX(seq) FROM event WHERE task_id = $2) - $3
