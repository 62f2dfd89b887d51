-- The whole schema, for SQLite. migrations/postgres holds the same tables; a column means the same in both.
--
-- Conventions: ids are TEXT (a type prefix and a UUIDv7), times are INTEGER milliseconds since the epoch by this
-- database's clock, counts are INTEGER, JSON is TEXT that no query looks into, and there are no booleans: a column
-- says when something became true. A body is either a *_text or the name (*_blob) and size (*_bytes) of a blob.
-- Every row belongs to a tenant, but for `worker` and `clock`, which are the installation's own.

-- The clock. Reads go through the view, so that tests can shift time and a small step back of the machine's clock
-- stays hidden. A step back of more than a minute is a correction, and is followed.
CREATE TABLE clock (
    id        INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    offset_ms INTEGER NOT NULL,
    floor_ms  INTEGER NOT NULL
) STRICT;

INSERT INTO clock (id, offset_ms, floor_ms) VALUES (1, 0, 0);

CREATE VIEW errand_now AS
SELECT CASE WHEN floor_ms > raw_ms AND floor_ms - raw_ms < 60000 THEN floor_ms ELSE raw_ms END AS now_ms
FROM   (SELECT CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) + offset_ms AS raw_ms, floor_ms FROM clock);

CREATE TABLE tenant (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE api_key (
    id            TEXT    NOT NULL PRIMARY KEY,
    tenant_id     TEXT    NOT NULL REFERENCES tenant (id),
    name          TEXT    NOT NULL,
    shown         TEXT    NOT NULL,
    hash          TEXT    NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL,
    revoked_at_ms INTEGER
) STRICT;

CREATE INDEX api_key_of_tenant ON api_key (tenant_id, id);

CREATE TABLE task (
    id                 TEXT    NOT NULL PRIMARY KEY,
    tenant_id          TEXT    NOT NULL REFERENCES tenant (id),
    state              TEXT    NOT NULL,
    wait_kind          TEXT,
    wait_until_ms      INTEGER,
    wait_reason        TEXT,
    version            INTEGER NOT NULL,
    seq                INTEGER NOT NULL,
    engine             INTEGER NOT NULL,
    title              TEXT    NOT NULL,
    metadata           TEXT    NOT NULL,
    spec_text          TEXT,
    spec_blob          TEXT,
    spec_bytes         INTEGER,
    result_text        TEXT,
    result_blob        TEXT,
    result_bytes       INTEGER,
    error              TEXT,
    budget_model_calls INTEGER NOT NULL,
    budget_tool_calls  INTEGER NOT NULL,
    budget_tokens      INTEGER NOT NULL,
    budget_wall_ms     INTEGER NOT NULL,
    spent_model_calls  INTEGER NOT NULL,
    spent_tool_calls   INTEGER NOT NULL,
    spent_tokens       INTEGER NOT NULL,
    spent_wall_ms      INTEGER NOT NULL,
    running_since_ms   INTEGER,
    plan_version       INTEGER NOT NULL,
    replans            INTEGER NOT NULL,
    webhook_id         TEXT,
    created_at_ms      INTEGER NOT NULL,
    updated_at_ms      INTEGER NOT NULL,
    finished_at_ms     INTEGER,
    UNIQUE (tenant_id, id),
    CHECK ((spec_text IS NULL) <> (spec_blob IS NULL))
) STRICT;

-- For lists of one state. A state changes a few times in a task's life, so keeping this up costs little.
CREATE INDEX task_in_state ON task (tenant_id, state, id);

CREATE TABLE idempotency (
    tenant_id     TEXT    NOT NULL REFERENCES tenant (id),
    key           TEXT    NOT NULL,
    request       TEXT    NOT NULL,
    task_id       TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE step (
    id            TEXT    NOT NULL PRIMARY KEY,
    tenant_id     TEXT    NOT NULL,
    task_id       TEXT    NOT NULL,
    ordinal       INTEGER NOT NULL,
    plan_version  INTEGER NOT NULL,
    key           TEXT    NOT NULL,
    title         TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    depends_on    TEXT    NOT NULL,
    spec_text     TEXT,
    spec_blob     TEXT,
    spec_bytes    INTEGER,
    outcome_text  TEXT,
    outcome_blob  TEXT,
    outcome_bytes INTEGER,
    snapshot      TEXT,
    wait_kind     TEXT,
    wait_until_ms INTEGER,
    wait_reason   TEXT,
    UNIQUE (task_id, ordinal),
    UNIQUE (task_id, key),
    FOREIGN KEY (tenant_id, task_id) REFERENCES task (tenant_id, id),
    CHECK ((spec_text IS NULL) <> (spec_blob IS NULL))
) STRICT;

-- The log. Rows are only ever added, in the transaction that raised task.seq past their numbers; that update is why
-- a foreign key to the task would check nothing new.
CREATE TABLE event (
    tenant_id     TEXT    NOT NULL,
    task_id       TEXT    NOT NULL,
    seq           INTEGER NOT NULL,
    at_ms         INTEGER NOT NULL,
    v             INTEGER NOT NULL,
    kind          TEXT    NOT NULL,
    step_id       TEXT,
    public_text   TEXT,
    public_blob   TEXT,
    public_bytes  INTEGER,
    private_text  TEXT,
    private_blob  TEXT,
    private_bytes INTEGER,
    PRIMARY KEY (task_id, seq),
    CHECK ((public_text IS NULL) <> (public_blob IS NULL)),
    CHECK ((private_text IS NULL) <> (private_blob IS NULL))
) STRICT;

-- A step's history is read whenever a worker takes the step up.
CREATE INDEX event_of_step ON event (task_id, step_id, seq);

-- Every tool call: what repeating it would do, the key that receivers know it by, and the fence it was made under.
CREATE TABLE tool_call (
    tenant_id    TEXT    NOT NULL,
    task_id      TEXT    NOT NULL,
    call_id      TEXT    NOT NULL,
    step_id      TEXT,
    tool         TEXT    NOT NULL,
    effect       TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    fence        INTEGER NOT NULL,
    state        TEXT    NOT NULL,
    intended_seq INTEGER NOT NULL,
    settled_seq  INTEGER,
    PRIMARY KEY (task_id, call_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook (
    id            TEXT    NOT NULL PRIMARY KEY,
    tenant_id     TEXT    NOT NULL,
    task_id       TEXT    NOT NULL,
    url           TEXT    NOT NULL,
    secret        BLOB    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    FOREIGN KEY (tenant_id, task_id) REFERENCES task (tenant_id, id)
) STRICT;

CREATE TABLE delivery (
    id            TEXT    NOT NULL PRIMARY KEY,
    tenant_id     TEXT    NOT NULL,
    task_id       TEXT    NOT NULL,
    webhook_id    TEXT    NOT NULL REFERENCES webhook (id),
    kind          TEXT    NOT NULL,
    body          TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    attempts      INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    FOREIGN KEY (tenant_id, task_id) REFERENCES task (tenant_id, id)
) STRICT;

CREATE TABLE artifact (
    id            TEXT    NOT NULL PRIMARY KEY,
    tenant_id     TEXT    NOT NULL,
    task_id       TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    blob          TEXT    NOT NULL,
    bytes         INTEGER NOT NULL,
    media_type    TEXT    NOT NULL,
    step_id       TEXT,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (task_id, name),
    FOREIGN KEY (tenant_id, task_id) REFERENCES task (tenant_id, id)
) STRICT;

-- Blobs that some commit has named; the sweep of the blob store takes only what is not here.
CREATE TABLE blob (
    tenant_id   TEXT    NOT NULL,
    hash        TEXT    NOT NULL,
    bytes       INTEGER NOT NULL,
    named_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, hash)
) STRICT, WITHOUT ROWID;

-- The queue. A job is held while worker_name is set, ready while it has a row in `ready`, delayed while it has one in
-- `delayed` (then run_at_ms is that row's key), and parked otherwise. No index covers a column that changes: finding
-- the ready ones is what the narrow tables are for.
CREATE TABLE job (
    id            TEXT    NOT NULL PRIMARY KEY,
    tenant_id     TEXT    NOT NULL,
    task_id       TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    step_id       TEXT REFERENCES step (id),
    delivery_id   TEXT REFERENCES delivery (id),
    priority      INTEGER NOT NULL,
    fence         INTEGER NOT NULL,
    worker_name   TEXT,
    worker_epoch  INTEGER,
    attempts      INTEGER NOT NULL,
    crashes       INTEGER NOT NULL,
    run_at_ms     INTEGER,
    created_at_ms INTEGER NOT NULL,
    FOREIGN KEY (tenant_id, task_id) REFERENCES task (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_of_task ON job (task_id);

-- Claims read this table in the order of its key and delete what they take. A row whose job is gone is harmless:
-- the claim that meets it removes it.
CREATE TABLE ready (
    priority      INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    job_id        TEXT    NOT NULL,
    tenant_id     TEXT    NOT NULL,
    PRIMARY KEY (priority, created_at_ms, job_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE delayed (
    run_at_ms INTEGER NOT NULL,
    job_id    TEXT    NOT NULL,
    tenant_id TEXT    NOT NULL,
    PRIMARY KEY (run_at_ms, job_id)
) STRICT, WITHOUT ROWID;

-- One row per worker process name. `freed_epoch`: no job is held any more by this life or an earlier one.
CREATE TABLE worker (
    name            TEXT    NOT NULL PRIMARY KEY,
    epoch           INTEGER NOT NULL,
    heartbeat_at_ms INTEGER NOT NULL,
    ended_at_ms     INTEGER,
    freed_epoch     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
