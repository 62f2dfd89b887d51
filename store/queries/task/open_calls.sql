-- Tool calls that did not end, in the order in which they were intended, with when each was begun first and last. A call that is
-- made again after a crash has no intent of its own: it is made when its step is taken up again. One whose outcome is unknown was
-- begun last when it was intended last before that was found.
SELECT tool_call.call_id AS "call_id!: String", tool_call.step_id AS "step_id?: String", tool_call.tool AS "tool!: String",
       tool_call.state AS "state!: String", event.at_ms AS "since_ms!: i64",
       coalesce((SELECT max(later.at_ms) FROM event AS later
                 WHERE  later.task_id = tool_call.task_id AND later.seq > event.seq AND later.step_id = tool_call.step_id
                   AND  (later.kind = 'tool.intended' AND later.seq < coalesce(tool_call.settled_seq, later.seq + 1)
                         OR later.kind = 'step.resumed' AND tool_call.state = 'intended')),
                event.at_ms) AS "last_begun_ms!: i64"
FROM   tool_call
JOIN   event ON event.task_id = tool_call.task_id AND event.seq = tool_call.intended_seq
WHERE  tool_call.tenant_id = $1 AND tool_call.task_id = $2 AND tool_call.state IN ('intended', 'unknown')
ORDER  BY tool_call.intended_seq, tool_call.call_id
