-- Notes that a blob is gone, or was spared; it may be named again.
DELETE FROM blob_doomed WHERE tenant_id = $1 AND hash = $2
