-- Stores what the database is to know from now on. The installation's own: of no tenant.
INSERT INTO installation (number, id, sealed, blob_store) VALUES (1, $1, $2, $3)
ON CONFLICT (number) DO UPDATE SET id = excluded.id, sealed = excluded.sealed, blob_store = excluded.blob_store
