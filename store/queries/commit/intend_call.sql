-- Records a tool call that is about to be made; one that was intended before only gets the newer fence.
INSERT INTO tool_call (tenant_id, task_id, call_id, step_id, tool, effect, key, fence, state, intended_seq)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'intended', $9)
ON CONFLICT (task_id, call_id) DO UPDATE SET fence = excluded.fence
