-- All keys of a tenant, oldest first.
SELECT id, tenant_id, name, shown, created_at_ms, revoked_at_ms FROM api_key WHERE tenant_id = $1 ORDER BY created_at_ms, id
