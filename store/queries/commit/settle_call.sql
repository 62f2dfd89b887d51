-- Records how a tool call ended.
UPDATE tool_call SET state = $4, settled_seq = $5 WHERE tenant_id = $1 AND task_id = $2 AND call_id = $3
