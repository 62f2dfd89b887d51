-- Up to $2 blobs that were doomed more than $1 milliseconds ago.
SELECT tenant_id, hash AS name FROM blob_doomed
WHERE  since_ms < (SELECT now_ms FROM errand_now) - $1
ORDER  BY tenant_id, hash
LIMIT  $2
