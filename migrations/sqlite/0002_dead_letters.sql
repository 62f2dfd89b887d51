-- What was set aside for good, until somebody requeues it or its task is cancelled: jobs on which workers died again and
-- again (kind `job`), jobs whose row cannot be read (`unreadable`), messages that no receiver took (`delivery`). The id is
-- the job's, or the message's. `log` is a JSON list of event numbers.
CREATE TABLE dead_letter (
    tenant_id TEXT    NOT NULL,
    id        TEXT    NOT NULL,
    task_id   TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    job_kind  TEXT    NOT NULL,
    step_id   TEXT,
    reason    TEXT    NOT NULL,
    log       TEXT    NOT NULL,
    crashes   INTEGER NOT NULL,
    attempts  INTEGER NOT NULL,
    since_ms  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, task_id) REFERENCES task (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX dead_letter_by_age ON dead_letter (tenant_id, since_ms, id);

CREATE INDEX dead_letter_of_task ON dead_letter (task_id);
