-- Ends a chore that is held under this fence; it is due again in $3 milliseconds.
UPDATE chore SET cursor = NULL, held_until_ms = 0, due_at_ms = (SELECT now_ms FROM errand_now) + $3
WHERE  name = $1 AND fence = $2
