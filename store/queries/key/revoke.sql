-- Revokes a key. The first time counts.
UPDATE api_key SET revoked_at_ms = COALESCE(revoked_at_ms, (SELECT now_ms FROM errand_now)) WHERE tenant_id = $1 AND id = $2
