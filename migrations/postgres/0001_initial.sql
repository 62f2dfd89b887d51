-- The whole schema, for PostgreSQL. migrations/sqlite holds the same tables; a column means the same in both.
--
-- Conventions: ids are TEXT COLLATE "C" (other collations sort unlike SQLite, and cursors would differ), times are
-- BIGINT milliseconds since the epoch by this database's clock, counts are BIGINT, JSON is TEXT that no query looks
-- into, and there are no booleans: a column says when something became true. A body is either a *_text or the name
-- (*_blob) and size (*_bytes) of a blob. Every row belongs to a tenant, but for `worker` and `clock`, which are the
-- installation's own.

-- The clock. Reads go through the function, so that tests can shift time. It is the time of the call, not of the
-- transaction's begin: a transaction that waited for a task's row must not date its events before those it waited for.
CREATE TABLE clock (
    id        BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    offset_ms BIGINT NOT NULL
);

INSERT INTO clock (id, offset_ms) VALUES (1, 0);

CREATE FUNCTION errand_now_ms() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
    SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT) + offset_ms FROM clock
$$;

CREATE VIEW errand_now AS SELECT errand_now_ms() AS now_ms;

CREATE TABLE tenant (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name          TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at_ms BIGINT NOT NULL
);

CREATE TABLE api_key (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id     TEXT COLLATE "C" NOT NULL REFERENCES tenant (id),
    name          TEXT COLLATE "C" NOT NULL,
    shown         TEXT    NOT NULL,
    hash          TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at_ms BIGINT NOT NULL,
    revoked_at_ms BIGINT
);

CREATE INDEX api_key_of_tenant ON api_key (tenant_id, id);

CREATE TABLE task (
    id                 TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id          TEXT COLLATE "C" NOT NULL REFERENCES tenant (id),
    state              TEXT COLLATE "C" NOT NULL,
    wait_kind          TEXT,
    wait_until_ms      BIGINT,
    wait_reason        TEXT,
    version            BIGINT NOT NULL,
    seq                BIGINT NOT NULL,
    engine             BIGINT NOT NULL,
    title              TEXT    NOT NULL,
    metadata           TEXT    NOT NULL,
    spec_text          TEXT,
    spec_blob          TEXT COLLATE "C",
    spec_bytes         BIGINT,
    result_text        TEXT,
    result_blob        TEXT COLLATE "C",
    result_bytes       BIGINT,
    error              TEXT,
    budget_model_calls BIGINT NOT NULL,
    budget_tool_calls  BIGINT NOT NULL,
    budget_tokens      BIGINT NOT NULL,
    budget_wall_ms     BIGINT NOT NULL,
    spent_model_calls  BIGINT NOT NULL,
    spent_tool_calls   BIGINT NOT NULL,
    spent_tokens       BIGINT NOT NULL,
    spent_wall_ms      BIGINT NOT NULL,
    running_since_ms   BIGINT,
    plan_version       BIGINT NOT NULL,
    replans            BIGINT NOT NULL,
    webhook_id         TEXT COLLATE "C",
    created_at_ms      BIGINT NOT NULL,
    updated_at_ms      BIGINT NOT NULL,
    finished_at_ms     BIGINT,
    UNIQUE (tenant_id, id),
    CHECK ((spec_text IS NULL) <> (spec_blob IS NULL))
);

-- For lists of one state. A state changes a few times in a task's life, so keeping this up costs little.
CREATE INDEX task_in_state ON task (tenant_id, state, id);

CREATE TABLE idempotency (
    tenant_id     TEXT COLLATE "C" NOT NULL REFERENCES tenant (id),
    key           TEXT COLLATE "C" NOT NULL,
    request       TEXT COLLATE "C" NOT NULL,
    task_id       TEXT COLLATE "C" NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, key)
);

CREATE TABLE step (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id     TEXT COLLATE "C" NOT NULL,
    task_id       TEXT COLLATE "C" NOT NULL,
    ordinal       BIGINT NOT NULL,
    plan_version  BIGINT NOT NULL,
    key           TEXT COLLATE "C" NOT NULL,
    title         TEXT    NOT NULL,
    state         TEXT COLLATE "C" NOT NULL,
    depends_on    TEXT    NOT NULL,
    spec_text     TEXT,
    spec_blob     TEXT COLLATE "C",
    spec_bytes    BIGINT,
    outcome_text  TEXT,
    outcome_blob  TEXT COLLATE "C",
    outcome_bytes BIGINT,
    snapshot      TEXT COLLATE "C",
    wait_kind     TEXT,
    wait_until_ms BIGINT,
    wait_reason   TEXT,
    UNIQUE (task_id, ordinal),
    UNIQUE (task_id, key),
    FOREIGN KEY (tenant_id, task_id) REFERENCES task (tenant_id, id),
    CHECK ((spec_text IS NULL) <> (spec_blob IS NULL))
);

-- The log. Rows are only ever added, in the transaction that raised task.seq past their numbers; that update is why
-- a foreign key to the task would check nothing new.
CREATE TABLE event (
    tenant_id     TEXT COLLATE "C" NOT NULL,
    task_id       TEXT COLLATE "C" NOT NULL,
    seq           BIGINT NOT NULL,
    at_ms         BIGINT NOT NULL,
    v             BIGINT NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL,
    step_id       TEXT COLLATE "C",
    public_text   TEXT,
    public_blob   TEXT COLLATE "C",
    public_bytes  BIGINT,
    private_text  TEXT,
    private_blob  TEXT COLLATE "C",
    private_bytes BIGINT,
    PRIMARY KEY (task_id, seq),
    CHECK ((public_text IS NULL) <> (public_blob IS NULL)),
    CHECK ((private_text IS NULL) <> (private_blob IS NULL))
);

-- A step's history is read whenever a worker takes the step up.
CREATE INDEX event_of_step ON event (task_id, step_id, seq);

-- Every tool call: what repeating it would do, the key that receivers know it by, and the fence it was made under.
CREATE TABLE tool_call (
    tenant_id    TEXT COLLATE "C" NOT NULL,
    task_id      TEXT COLLATE "C" NOT NULL,
    call_id      TEXT COLLATE "C" NOT NULL,
    step_id      TEXT COLLATE "C",
    tool         TEXT    NOT NULL,
    effect       TEXT    NOT NULL,
    key          TEXT COLLATE "C" NOT NULL,
    fence        BIGINT NOT NULL,
    state        TEXT COLLATE "C" NOT NULL,
    intended_seq BIGINT NOT NULL,
    settled_seq  BIGINT,
    PRIMARY KEY (task_id, call_id)
);

CREATE TABLE webhook (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id     TEXT COLLATE "C" NOT NULL,
    task_id       TEXT COLLATE "C" NOT NULL,
    url           TEXT    NOT NULL,
    secret        BYTEA   NOT NULL,
    created_at_ms BIGINT NOT NULL,
    FOREIGN KEY (tenant_id, task_id) REFERENCES task (tenant_id, id)
);

CREATE TABLE delivery (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id     TEXT COLLATE "C" NOT NULL,
    task_id       TEXT COLLATE "C" NOT NULL,
    webhook_id    TEXT COLLATE "C" NOT NULL REFERENCES webhook (id),
    kind          TEXT COLLATE "C" NOT NULL,
    body          TEXT    NOT NULL,
    state         TEXT COLLATE "C" NOT NULL,
    attempts      BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    FOREIGN KEY (tenant_id, task_id) REFERENCES task (tenant_id, id)
);

CREATE TABLE artifact (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id     TEXT COLLATE "C" NOT NULL,
    task_id       TEXT COLLATE "C" NOT NULL,
    name          TEXT COLLATE "C" NOT NULL,
    blob          TEXT COLLATE "C" NOT NULL,
    bytes         BIGINT NOT NULL,
    media_type    TEXT    NOT NULL,
    step_id       TEXT COLLATE "C",
    created_at_ms BIGINT NOT NULL,
    UNIQUE (task_id, name),
    FOREIGN KEY (tenant_id, task_id) REFERENCES task (tenant_id, id)
);

-- Blobs that some commit has named; the sweep of the blob store takes only what is not here.
CREATE TABLE blob (
    tenant_id   TEXT COLLATE "C" NOT NULL,
    hash        TEXT COLLATE "C" NOT NULL,
    bytes       BIGINT NOT NULL,
    named_at_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, hash)
);

-- The queue. A job is held while worker_name is set, ready while it has a row in `ready`, delayed while it has one in
-- `delayed` (then run_at_ms is that row's key), and parked otherwise. No index covers a column that changes: finding
-- the ready ones is what the narrow tables are for.
CREATE TABLE job (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id     TEXT COLLATE "C" NOT NULL,
    task_id       TEXT COLLATE "C" NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL,
    step_id       TEXT COLLATE "C" REFERENCES step (id),
    delivery_id   TEXT COLLATE "C" REFERENCES delivery (id),
    priority      BIGINT NOT NULL,
    fence         BIGINT NOT NULL,
    worker_name   TEXT COLLATE "C",
    worker_epoch  BIGINT,
    attempts      BIGINT NOT NULL,
    crashes       BIGINT NOT NULL,
    run_at_ms     BIGINT,
    created_at_ms BIGINT NOT NULL,
    FOREIGN KEY (tenant_id, task_id) REFERENCES task (tenant_id, id)
);

CREATE INDEX job_of_task ON job (task_id);

-- Claims read this table in the order of its key and delete what they take. A row whose job is gone is harmless:
-- the claim that meets it removes it.
CREATE TABLE ready (
    priority      BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    job_id        TEXT COLLATE "C" NOT NULL,
    tenant_id     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (priority, created_at_ms, job_id)
);

CREATE TABLE delayed (
    run_at_ms BIGINT NOT NULL,
    job_id    TEXT COLLATE "C" NOT NULL,
    tenant_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run_at_ms, job_id)
);

-- One row per worker process name. `freed_epoch`: no job is held any more by this life or an earlier one.
CREATE TABLE worker (
    name            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    epoch           BIGINT NOT NULL,
    heartbeat_at_ms BIGINT NOT NULL,
    ended_at_ms     BIGINT,
    freed_epoch     BIGINT NOT NULL
);

-- Rows that are updated in place want room on their page, so that no index entry has to move.
ALTER TABLE task SET (fillfactor = 80);
ALTER TABLE job SET (fillfactor = 60);
ALTER TABLE worker SET (fillfactor = 50);

-- Tables whose rows come and go are vacuumed early and without pauses; dead entries are what slows a claim down.
ALTER TABLE job SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE ready SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE delayed SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
