-- The key with a hash, revoked or not. This is how a caller's tenant becomes known, so no tenant is in the predicate.
SELECT id, tenant_id, name, shown, created_at_ms, revoked_at_ms FROM api_key WHERE hash = $1
