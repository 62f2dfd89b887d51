-- Stores a key by its hash.
INSERT INTO api_key (id, tenant_id, name, shown, hash, created_at_ms) SELECT $1, $2, $3, $4, $5, now_ms FROM errand_now
