-- Stored credentials: a value that tasks are granted by name, sealed with a key that is not in the database, and the terms on which
-- it is sent. `hosts` is a JSON array of texts. What is sealed is bound to its row and its terms, so a change to them by hand leaves
-- a value that does not open.
-- Expands: processes of the release before do not know the table.
CREATE TABLE credential (
    tenant_id     TEXT COLLATE "C" NOT NULL REFERENCES tenant (id),
    name          TEXT COLLATE "C" NOT NULL,
    hosts         TEXT   NOT NULL,
    header        TEXT   NOT NULL,
    format        TEXT   NOT NULL,
    sealed        BYTEA  NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name)
);
