-- The latest turn that was claimed.
SELECT vtime AS "vtime!: i64" FROM queue_turn
