-- What is needed to remove finished tasks and the blobs that nothing names any more.

-- A row of `blob` says from now on which task names it, so that a blob is needed as long as a task is there that named it.
-- Rows from before that are kept under no task: their blobs stay.
CREATE TABLE blob_of_task (
    task_id   TEXT COLLATE "C" NOT NULL,
    hash      TEXT COLLATE "C" NOT NULL,
    tenant_id TEXT COLLATE "C" NOT NULL,
    bytes     BIGINT NOT NULL,
    PRIMARY KEY (task_id, hash)
);

INSERT INTO blob_of_task (task_id, hash, tenant_id, bytes) SELECT tenant_id, hash, tenant_id, bytes FROM blob;
DROP TABLE blob;
ALTER TABLE blob_of_task RENAME TO blob;

CREATE INDEX blob_named ON blob (tenant_id, hash);

-- Blobs that the sweep is removing just now. Nothing may name one until it is gone and was put again.
CREATE TABLE blob_doomed (
    tenant_id TEXT COLLATE "C" NOT NULL,
    hash      TEXT COLLATE "C" NOT NULL,
    since_ms  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, hash)
);

CREATE FUNCTION errand_refuse_doomed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM blob_doomed WHERE blob_doomed.tenant_id = NEW.tenant_id AND blob_doomed.hash = NEW.hash) THEN
        RAISE EXCEPTION 'a blob is being swept; put it again';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER blob_is_not_doomed BEFORE INSERT ON blob FOR EACH ROW EXECUTE FUNCTION errand_refuse_doomed();

-- Logs of tasks that were removed, until they are removed too, bit by bit.
CREATE TABLE leftover (
    task_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL
);

-- Work on the store itself that one worker at a time does. The fence rises when it changes hands.
CREATE TABLE chore (
    name          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    fence         BIGINT NOT NULL,
    cursor        TEXT,
    due_at_ms     BIGINT NOT NULL,
    held_until_ms BIGINT NOT NULL
);

-- For finding what is old enough, and what refers to a row that is being removed.
CREATE INDEX task_finished ON task (finished_at_ms) WHERE finished_at_ms IS NOT NULL;
CREATE INDEX idempotency_of_task ON idempotency (task_id);
CREATE INDEX webhook_of_task ON webhook (task_id);
CREATE INDEX delivery_of_task ON delivery (task_id);
CREATE INDEX delivery_of_webhook ON delivery (webhook_id);
CREATE INDEX job_of_step ON job (step_id) WHERE step_id IS NOT NULL;
CREATE INDEX job_of_delivery ON job (delivery_id) WHERE delivery_id IS NOT NULL;
