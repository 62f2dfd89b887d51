-- Removes a credential.
DELETE FROM credential WHERE tenant_id = $1 AND name = $2
