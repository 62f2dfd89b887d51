-- Locks the jobs of a batch by id, after its tasks, so that no hold is taken away between the check and the commit.
SELECT id FROM job WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE
