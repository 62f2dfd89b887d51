-- Writes what a batch of commits adds to logs: events, under numbers that the updates of their tasks have made room for; tool calls
-- that are about to be made, where one that was intended before gets the newer fence and is open again; the ends of tool calls,
-- which are forgotten, as how they ended is in the log; the ends of jobs. No call begins and ends in one batch.
-- Differs from SQLite: several tables in one statement, and rows as arrays.
WITH logged AS (
    INSERT INTO event (v, tenant_id, task_id, seq, at_ms, kind, step_id, public_text, public_blob, public_bytes, private_text, private_blob, private_bytes)
    SELECT $1, one.*
    FROM   unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[],
                  $11::text[], $12::text[], $13::bigint[]) AS one
), intended AS (
    INSERT INTO tool_call (tenant_id, task_id, fence, intended_seq, call_id, step_id, tool, effect, key, state)
    SELECT one.*, 'intended'
    FROM   unnest($14::text[], $15::text[], $16::bigint[], $17::bigint[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[]) AS one
    ON CONFLICT (task_id, call_id) DO UPDATE SET fence = excluded.fence, state = excluded.state, settled_seq = NULL
), forgotten AS (
    DELETE FROM tool_call
    USING  unnest($23::text[], $24::text[], $25::text[]) AS one (tenant_id, task_id, call_id)
    WHERE  tool_call.task_id = one.task_id AND tool_call.call_id = one.call_id AND tool_call.tenant_id = one.tenant_id
)
DELETE FROM job
USING  unnest($26::text[], $27::text[], $28::text[], $29::bigint[]) AS done (tenant_id, task_id, id, fence)
WHERE  job.id = done.id AND job.tenant_id = done.tenant_id AND job.task_id = done.task_id AND job.fence = done.fence
