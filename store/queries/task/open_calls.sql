-- Tool calls that did not end, in the order in which they were intended, with when each was first begun or found to be unknown,
-- and when it was begun last. A call that is made again after a crash has no intent of its own: it is made when its step is
-- taken up again.
SELECT tool_call.call_id AS "call_id!: String", tool_call.step_id AS "step_id?: String", tool_call.tool AS "tool!: String",
       tool_call.state AS "state!: String", event.at_ms AS "since_ms!: i64",
       coalesce((SELECT max(later.at_ms) FROM event AS later
                 WHERE  tool_call.state = 'intended' AND later.task_id = tool_call.task_id AND later.seq > event.seq
                   AND  later.step_id = tool_call.step_id AND later.kind IN ('step.resumed', 'tool.intended')),
                event.at_ms) AS "last_begun_ms!: i64"
FROM   tool_call
JOIN   event ON event.task_id = tool_call.task_id AND event.seq = coalesce(tool_call.settled_seq, tool_call.intended_seq)
WHERE  tool_call.tenant_id = $1 AND tool_call.task_id = $2 AND tool_call.state IN ('intended', 'unknown')
ORDER  BY tool_call.intended_seq, tool_call.call_id
