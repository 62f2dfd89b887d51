-- One commit in one round trip, which is a transaction by itself: the task is locked, then the job, then the guard is
-- judged by what the locks found; events, tool calls and the end of the job follow only where it held.
-- Differs from SQLite: several tables in one statement. A commit that shares its transaction goes through `append_many.sql`.
WITH locked AS MATERIALIZED (
    SELECT id FROM task WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE
), held AS MATERIALIZED (
    SELECT id FROM job
    WHERE  EXISTS (SELECT 1 FROM locked)
      AND  id = $3 AND tenant_id = $1 AND task_id = $2 AND fence = $4 AND worker_name IS NOT NULL
    FOR    NO KEY UPDATE
), dated AS MATERIALIZED (
    SELECT now_ms FROM held CROSS JOIN errand_now
), charged AS (
    UPDATE task
    SET    seq = seq + $5,
           spent_model_calls = spent_model_calls + $6,
           spent_tool_calls = spent_tool_calls + $7,
           spent_tokens = spent_tokens + $8,
           spent_wall_ms = spent_wall_ms + $9,
           updated_at_ms = dated.now_ms
    FROM   dated
    WHERE  tenant_id = $1 AND id = $2
    RETURNING seq, version, updated_at_ms, running_since_ms, budget_model_calls, budget_tool_calls, budget_tokens,
              budget_wall_ms, spent_model_calls, spent_tool_calls, spent_tokens, spent_wall_ms
), logged AS (
    INSERT INTO event (v, tenant_id, task_id, seq, at_ms, kind, step_id, public_text, public_blob, public_bytes, private_text, private_blob, private_bytes)
    SELECT $10, $1, $2, charged.seq - $5 + one.place, charged.updated_at_ms, one.kind, one.step_id, one.public_text, one.public_blob,
           one.public_bytes, one.private_text, one.private_blob, one.private_bytes
    FROM   charged,
           unnest($11::text[], $12::text[], $13::text[], $14::text[], $15::bigint[], $16::text[], $17::text[], $18::bigint[])
           WITH ORDINALITY AS one (kind, step_id, public_text, public_blob, public_bytes, private_text, private_blob, private_bytes, place)
), intended AS (
    INSERT INTO tool_call (tenant_id, task_id, call_id, step_id, tool, effect, key, fence, state, intended_seq)
    SELECT $1, $2, one.call_id, one.step_id, one.tool, one.effect, one.key, $4, 'intended', charged.seq
    FROM   charged, unnest($19::text[], $20::text[], $21::text[], $22::text[], $23::text[]) AS one (call_id, step_id, tool, effect, key)
    ON CONFLICT (task_id, call_id) DO UPDATE SET fence = excluded.fence, state = excluded.state, settled_seq = NULL
), settled AS (
    UPDATE tool_call SET state = 'unknown', settled_seq = charged.seq
    FROM   charged
    WHERE  tool_call.tenant_id = $1 AND tool_call.task_id = $2 AND tool_call.call_id = ANY ($24)
), forgotten AS (
    DELETE FROM tool_call USING charged
    WHERE  tool_call.tenant_id = $1 AND tool_call.task_id = $2 AND tool_call.call_id = ANY ($25)
), ended AS (
    DELETE FROM job USING charged WHERE $26 AND job.id = $3
)
SELECT seq AS "seq!: i64", version AS "version!: i64", updated_at_ms AS "at_ms!: i64", running_since_ms,
       budget_model_calls AS "budget_model_calls!: i64", budget_tool_calls AS "budget_tool_calls!: i64",
       budget_tokens AS "budget_tokens!: i64", budget_wall_ms AS "budget_wall_ms!: i64",
       spent_model_calls AS "spent_model_calls!: i64", spent_tool_calls AS "spent_tool_calls!: i64",
       spent_tokens AS "spent_tokens!: i64", spent_wall_ms AS "spent_wall_ms!: i64"
FROM   charged
