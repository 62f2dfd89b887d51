-- What the database knows of what belongs to it. The installation's own, so no tenant is in the predicate.
SELECT id, sealed, blob_store FROM installation WHERE number = 1
