-- One commit in one go, transaction included: to hand a statement to the thread of a connection costs more than most statements.
-- Each statement looks at the guard for itself; in one transaction all of them find the same. What is dated is dated by the task.
-- Differs from PostgreSQL: a statement for each table. A commit that shares its transaction goes through `append_many.sql`.
BEGIN IMMEDIATE;

-- Keeps the time that is given out, as `begin_commits.sql` does.
UPDATE clock SET floor_ms = (SELECT now_ms FROM errand_now);

UPDATE task
SET    seq = seq + $5,
       spent_model_calls = spent_model_calls + $6,
       spent_tool_calls = spent_tool_calls + $7,
       spent_tokens = spent_tokens + $8,
       spent_wall_ms = spent_wall_ms + $9,
       updated_at_ms = (SELECT now_ms FROM errand_now)
WHERE  tenant_id = $1 AND id = $2
  AND  EXISTS (SELECT 1 FROM job WHERE id = $3 AND tenant_id = $1 AND task_id = $2 AND fence = $4 AND worker_name IS NOT NULL)
RETURNING seq, version, updated_at_ms, running_since_ms, budget_model_calls, budget_tool_calls, budget_tokens, budget_wall_ms,
          spent_model_calls, spent_tool_calls, spent_tokens, spent_wall_ms;

INSERT INTO event (v, tenant_id, task_id, seq, at_ms, kind, step_id, public_text, public_blob, public_bytes, private_text, private_blob, private_bytes)
SELECT $10, $1, $2, task.seq - $5 + 1 + one.key, task.updated_at_ms, one.value ->> 4, one.value ->> 5, one.value ->> 6, one.value ->> 7,
       one.value ->> 8, one.value ->> 9, one.value ->> 10, one.value ->> 11
FROM   task, json_each($11) AS one
WHERE  task.tenant_id = $1 AND task.id = $2
  AND  EXISTS (SELECT 1 FROM job WHERE id = $3 AND tenant_id = $1 AND task_id = $2 AND fence = $4 AND worker_name IS NOT NULL);

INSERT INTO tool_call (tenant_id, task_id, fence, intended_seq, call_id, step_id, tool, effect, key, state)
SELECT $1, $2, $4, task.seq, one.value ->> 4, one.value ->> 5, one.value ->> 6, one.value ->> 7, one.value ->> 8, 'intended'
FROM   task, json_each($12) AS one
WHERE  task.tenant_id = $1 AND task.id = $2
  AND  EXISTS (SELECT 1 FROM job WHERE id = $3 AND tenant_id = $1 AND task_id = $2 AND fence = $4 AND worker_name IS NOT NULL)
ON CONFLICT (task_id, call_id) DO UPDATE SET fence = excluded.fence, state = excluded.state, settled_seq = NULL;

UPDATE tool_call SET state = 'unknown', settled_seq = (SELECT seq FROM task WHERE id = $2)
WHERE  tenant_id = $1 AND (task_id, call_id) IN (SELECT $2, value ->> 2 FROM json_each($13))
  AND  EXISTS (SELECT 1 FROM job WHERE id = $3 AND tenant_id = $1 AND task_id = $2 AND fence = $4 AND worker_name IS NOT NULL);

DELETE FROM tool_call
WHERE  tenant_id = $1 AND (task_id, call_id) IN (SELECT $2, value ->> 2 FROM json_each($14))
  AND  EXISTS (SELECT 1 FROM job WHERE id = $3 AND tenant_id = $1 AND task_id = $2 AND fence = $4 AND worker_name IS NOT NULL);

DELETE FROM job
WHERE  $15 AND id = $3 AND tenant_id = $1 AND task_id = $2 AND fence = $4 AND worker_name IS NOT NULL;

COMMIT;
