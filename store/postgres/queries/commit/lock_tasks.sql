-- Locks the tasks of a batch by id, so that each one's log is written by one process at a time and batches cannot
-- wait for each other in a circle. Tasks are always locked before jobs.
SELECT id FROM task WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE
