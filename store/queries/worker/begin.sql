-- Begins a new life of a worker; every earlier one is over from here on.
-- A new worker knows the latest turn, so that rows of workers that are gone for good can be deleted.
INSERT INTO worker (name, epoch, heartbeat_at_ms, ended_at_ms, freed_epoch, vtime)
SELECT $1, 1, now_ms, NULL, 0, vtime FROM errand_now, queue_turn WHERE true
ON CONFLICT (name) DO UPDATE
SET epoch = worker.epoch + 1, heartbeat_at_ms = excluded.heartbeat_at_ms, ended_at_ms = NULL
RETURNING epoch AS "epoch!: i64"
