-- Names a step's newest snapshot.
UPDATE step SET snapshot = $4 WHERE tenant_id = $1 AND task_id = $2 AND id = $3
