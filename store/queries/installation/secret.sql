-- The newest sealed secret of any tenant, to try a key by.
SELECT id, secret FROM webhook ORDER BY id DESC LIMIT 1
