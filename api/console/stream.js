// Follows a task's log: reads server-sent events by fetch, since EventSource cannot send a key, and comes back after a cut.

import { ask, taskPath } from "/console/api.js";

/** Calls `each(event)` for every event from the first one on, and `ended()` once. */
export async function follow(task, signal, each, ended) {
  let last = 0;
  let pause = 500;
  while (!signal.aborted) {
    try {
      const headers = { Accept: "text/event-stream", ...(last ? { "Last-Event-ID": String(last) } : {}) };
      const answer = await ask(taskPath(task, "events"), { headers, signal });
      for await (const message of messages(answer.body)) {
        if (message.event === "end") return ended();
        const event = JSON.parse(message.data);
        if (event.seq <= last) continue;
        last = event.seq;
        pause = 500;
        each(event);
      }
    } catch (error) {
      if (signal.aborted || [401, 404].includes(error.status)) return;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, 15_000);
  }
}

/** The messages of a stream. */
async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    let end;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      const message = parse(rest.slice(0, end));
      rest = rest.slice(end + 2);
      if (message.data) yield message;
    }
  }
}

function parse(block) {
  const message = { event: "message", data: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^(event|data): ?(.*)$/.exec(line) ?? [];
    if (name === "event") message.event = value;
    if (name === "data") message.data += (message.data ? "\n" : "") + value;
  }
  return message;
}
