-- Which blob store and which sealing key this database belongs to: one row, which the first process that starts writes. `sealed` is
-- the id, sealed. `blob_store` is absent until a blob store was marked as this database's. Like `worker` and `clock` this is the
-- installation's own and belongs to no tenant.
CREATE TABLE installation (
    number     INTEGER NOT NULL PRIMARY KEY CHECK (number = 1),
    id         TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    blob_store TEXT
) STRICT;
