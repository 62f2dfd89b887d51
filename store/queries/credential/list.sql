-- All credentials of a tenant, by name, without what is sealed.
SELECT name, hosts, header, format, created_at_ms, updated_at_ms FROM credential WHERE tenant_id = $1 ORDER BY name
