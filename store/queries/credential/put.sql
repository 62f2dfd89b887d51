-- Stores a credential in place of any of its name. A replaced one keeps its age.
INSERT INTO credential (tenant_id, name, hosts, header, format, sealed, created_at_ms, updated_at_ms)
SELECT $1, $2, $3, $4, $5, $6, now_ms, now_ms FROM errand_now WHERE true
ON CONFLICT (tenant_id, name) DO UPDATE
SET hosts = excluded.hosts, header = excluded.header, format = excluded.format, sealed = excluded.sealed,
    updated_at_ms = excluded.updated_at_ms
