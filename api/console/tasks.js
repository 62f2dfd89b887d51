// The list of tasks: filter, pages, and the way to a new one.

import { json } from "/console/api.js";
import { badge, fault, fill, h, put } from "/console/dom.js";
import { submitForm } from "/console/submit.js";
import { age, time } from "/console/words.js";

const STATES = ["queued", "running", "waiting", "succeeded", "partial", "failed", "cancelled"];
const REFRESH_MS = 4_000;

export function show(view, _id, signal) {
  const list = h("ul", { class: "list", id: "list" });
  const more = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => load(cursor) }, "Show more");
  const trouble = h("div");
  const filter = h("select", { id: "filter", onchange: () => load(null) },
    h("option", { value: "" }, "all"), STATES.map((s) => h("option", { value: s }, s)));
  let cursor = null;
  let paged = false;

  async function load(from) {
    const query = new URLSearchParams({ limit: "30" });
    if (filter.value) query.set("state", filter.value);
    if (from) query.set("cursor", from);
    try {
      const page = await json(`/v1/tasks?${query}`, { signal });
      cursor = page.next;
      paged = Boolean(from);
      more.hidden = !cursor;
      if (!from) fill(list);
      put(list, page.data.map(row));
      if (!list.children.length) put(list, h("li", { class: "empty" }, "Nothing here yet."));
      fill(trouble);
    } catch (error) {
      if (!signal.aborted) fill(trouble, fault(error));
    }
  }

  fill(view,
    submitForm(),
    h("div", { class: "bar" }, h("h1", {}, "Tasks"), h("label", {}, "State ", filter)),
    trouble, list, more);
  load(null);
  // A list that somebody pages through, or holds the focus in, stays as it is.
  const timer = setInterval(() => {
    if (!paged && !document.hidden && !list.contains(document.activeElement)) load(null);
  }, REFRESH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

function row(task) {
  const why = task.waiting ? `waits for ${task.waiting.kind}` : null;
  return h("li", {}, h("a", { class: "row", href: `#/tasks/${encodeURIComponent(task.id)}` },
    badge(task.state),
    h("span", { class: "grow" }, task.title, why ? h("small", {}, why) : null),
    h("time", { title: time(task.created_at_ms) }, age(task.created_at_ms))));
}
