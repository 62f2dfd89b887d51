-- Notes how far a chore has come, and keeps it for $4 more milliseconds, if it is still held under this fence.
UPDATE chore SET cursor = $3, held_until_ms = (SELECT now_ms FROM errand_now) + $4
WHERE  name = $1 AND fence = $2
