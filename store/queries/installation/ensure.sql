-- Stores what the database knows of what belongs to it, unless another process did. The installation's own: of no tenant.
INSERT INTO installation (number, id, sealed, blob_store) VALUES (1, $1, $2, $3) ON CONFLICT (number) DO NOTHING
