-- Up to $1 of the newest blobs that tasks of any tenant name, to try a blob store by.
SELECT tenant_id, hash AS name FROM blob ORDER BY task_id DESC LIMIT $1
