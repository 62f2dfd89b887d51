-- Begins a new life of a worker; every earlier one is over from here on.
INSERT INTO worker (name, epoch, heartbeat_at_ms, ended_at_ms, freed_epoch)
SELECT $1, 1, now_ms, NULL, 0 FROM errand_now WHERE true
ON CONFLICT (name) DO UPDATE
SET epoch = worker.epoch + 1, heartbeat_at_ms = excluded.heartbeat_at_ms, ended_at_ms = NULL
RETURNING epoch AS "epoch!: i64"
