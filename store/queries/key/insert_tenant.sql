-- Makes a tenant unless there is one of this name.
INSERT INTO tenant (id, name, created_at_ms) SELECT $1, $2, now_ms FROM errand_now WHERE true ON CONFLICT (name) DO NOTHING
