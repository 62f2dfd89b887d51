-- Removes up to $3 records of tool calls of a left-over log.
DELETE FROM tool_call
WHERE  tenant_id = $1 AND task_id = $2
  AND  call_id IN (SELECT call_id FROM tool_call WHERE task_id = $2 ORDER BY call_id LIMIT $3)
