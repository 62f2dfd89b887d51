-- Takes a chore for $2 milliseconds, if it is due and nobody has it.
INSERT INTO chore (name, fence, cursor, due_at_ms, held_until_ms)
SELECT $1, 1, NULL, 0, now_ms + $2 FROM errand_now WHERE true
ON CONFLICT (name) DO UPDATE
SET fence = chore.fence + 1, held_until_ms = excluded.held_until_ms
WHERE chore.due_at_ms <= excluded.held_until_ms - $2 AND chore.held_until_ms <= excluded.held_until_ms - $2
RETURNING fence AS "fence!: i64", cursor AS "cursor?: String"
