-- Stores the id of the blob store, once. The installation's own: of no tenant.
UPDATE installation SET blob_store = $1 WHERE number = 1 AND blob_store IS NULL
