-- Claims go by priority, then in turns between tenants, then by age.
--
-- `vtag` is a job's turn, and `worker.vtime` the latest turn that a worker has claimed: a tenant's next job gets the turn
-- after its last one, or after the latest one claimed, whichever is later (start-time fair queueing). `behind` is how far
-- behind the latest turn the job was when it was enqueued; a job that was delayed comes back as far behind.

ALTER TABLE task ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;
ALTER TABLE worker ADD COLUMN vtime INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN vtag INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN behind INTEGER NOT NULL DEFAULT 0;

-- What waits already goes on in the order of its ids, which is its age.
UPDATE job SET priority = 1;
ALTER TABLE ready RENAME COLUMN created_at_ms TO vtag;
UPDATE ready SET priority = 1, vtag = 0;

CREATE VIEW queue_turn AS SELECT COALESCE(MAX(vtime), 0) AS vtime FROM worker;
