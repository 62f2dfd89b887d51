-- Less to write for each turn. SQLite has the same change in its own way.

-- What every commit changes lies together at the end of a task's row: the log of a change reaches from the first changed byte to
-- the last, and the goal lay in between.
ALTER TABLE task
    ADD COLUMN new_seq BIGINT,
    ADD COLUMN new_spent_model_calls BIGINT,
    ADD COLUMN new_spent_tool_calls BIGINT,
    ADD COLUMN new_spent_tokens BIGINT,
    ADD COLUMN new_spent_wall_ms BIGINT,
    ADD COLUMN new_updated_at_ms BIGINT;

UPDATE task SET new_seq = seq, new_spent_model_calls = spent_model_calls, new_spent_tool_calls = spent_tool_calls,
                new_spent_tokens = spent_tokens, new_spent_wall_ms = spent_wall_ms, new_updated_at_ms = updated_at_ms;

ALTER TABLE task
    DROP COLUMN seq,
    DROP COLUMN spent_model_calls,
    DROP COLUMN spent_tool_calls,
    DROP COLUMN spent_tokens,
    DROP COLUMN spent_wall_ms,
    DROP COLUMN updated_at_ms;
ALTER TABLE task RENAME COLUMN new_seq TO seq;
ALTER TABLE task RENAME COLUMN new_spent_model_calls TO spent_model_calls;
ALTER TABLE task RENAME COLUMN new_spent_tool_calls TO spent_tool_calls;
ALTER TABLE task RENAME COLUMN new_spent_tokens TO spent_tokens;
ALTER TABLE task RENAME COLUMN new_spent_wall_ms TO spent_wall_ms;
ALTER TABLE task RENAME COLUMN new_updated_at_ms TO updated_at_ms;
ALTER TABLE task
    ALTER COLUMN seq SET NOT NULL,
    ALTER COLUMN spent_model_calls SET NOT NULL,
    ALTER COLUMN spent_tool_calls SET NOT NULL,
    ALTER COLUMN spent_tokens SET NOT NULL,
    ALTER COLUMN spent_wall_ms SET NOT NULL,
    ALTER COLUMN updated_at_ms SET NOT NULL;

-- A step's history is read once for each time that a worker takes the step up, in the order of the log; an entry for every event
-- cost more than it saved. What belongs to no step is little, and is read for every step.
DROP INDEX event_of_step;
CREATE INDEX event_of_no_step ON event (task_id, seq) WHERE step_id IS NULL;

-- A call that ended is in the log; only those that did not are looked up here.
DELETE FROM tool_call WHERE state IN ('returned', 'failed');
