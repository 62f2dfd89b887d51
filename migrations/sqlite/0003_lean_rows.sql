-- Less to write for each turn. SQLite writes whole pages, so the order of a row's columns does not matter here.

-- A step's history is read once for each time that a worker takes the step up, in the order of the log; an entry for every event
-- cost more than it saved. What belongs to no step is little, and is read for every step.
DROP INDEX event_of_step;
CREATE INDEX event_of_no_step ON event (task_id, seq) WHERE step_id IS NULL;

-- A call that ended is in the log; only those that did not are looked up here.
DELETE FROM tool_call WHERE state IN ('returned', 'failed');
