-- Notes the latest turn that a worker has claimed.
-- Differs from PostgreSQL: there it is part of the claim.
UPDATE worker SET vtime = $2 WHERE name = $1 AND vtime < $2
