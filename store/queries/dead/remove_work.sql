-- The jobs of a task are gone, and with them their dead letters; messages stay.
DELETE FROM dead_letter WHERE tenant_id = $1 AND task_id = $2 AND kind <> 'delivery'
