-- One credential with what is sealed, to be opened and sent.
SELECT tenant_id, name, hosts, header, format, sealed FROM credential WHERE tenant_id = $1 AND name = $2
