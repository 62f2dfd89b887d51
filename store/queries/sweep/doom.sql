-- Dooms a blob, unless a task names it or it is doomed already. A tenant who is not in this database may be in another one that
-- shares the blob store by mistake.
INSERT INTO blob_doomed (tenant_id, hash, since_ms)
SELECT $1, $2, now_ms FROM errand_now
WHERE  EXISTS (SELECT 1 FROM tenant WHERE id = $1)
  AND  NOT EXISTS (SELECT 1 FROM blob WHERE tenant_id = $1 AND hash = $2)
ON CONFLICT (tenant_id, hash) DO NOTHING
