-- What was set aside for good, until somebody requeues it or its task is cancelled: jobs on which workers died again and
-- again (kind `job`), jobs whose row cannot be read (`unreadable`), messages that no receiver took (`delivery`). The id is
-- the job's, or the message's. `log` is a JSON list of event numbers.
CREATE TABLE dead_letter (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id        TEXT COLLATE "C" NOT NULL,
    task_id   TEXT COLLATE "C" NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    job_kind  TEXT COLLATE "C" NOT NULL,
    step_id   TEXT COLLATE "C",
    reason    TEXT NOT NULL,
    log       TEXT NOT NULL,
    crashes   BIGINT NOT NULL,
    attempts  BIGINT NOT NULL,
    since_ms  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, task_id) REFERENCES task (tenant_id, id)
);

CREATE INDEX dead_letter_by_age ON dead_letter (tenant_id, since_ms, id);

CREATE INDEX dead_letter_of_task ON dead_letter (task_id);
