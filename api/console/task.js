// One task: what it is about, where it stands, what it did, and what a person can do to it.

import { ask, download, json, taskPath } from "/console/api.js";
import { Approvals } from "/console/approvals.js";
import { Calls } from "/console/calls.js";
import { badge, fault, fill, h, put, say } from "/console/dom.js";
import { follow } from "/console/stream.js";
import { BUDGET, age, budget, bytes, clock, plain, time } from "/console/words.js";

const FINAL = ["succeeded", "partial", "failed", "cancelled"];
const LOG_LINES = 500;

export function show(view, id, signal) {
  const parts = Object.fromEntries(["head", "result", "plan", "files", "money", "why", "receipt"].map((name) => [name, h("div")]));
  const log = h("ol", { class: "log" });
  const approvals = new Approvals(id, refresh);
  const calls = new Calls(id, signal);
  const drawn = new Map();
  let timer = null;
  const why = h("details", {}, h("summary", {}), h("ul"));
  let inMoney = "";

  fill(view, h("p", {}, h("a", { href: "#/tasks" }, "← All tasks")),
    parts.head, approvals.element, parts.why, parts.result, parts.files, parts.receipt,
    h("div", { class: "columns" }, h("div", {}, parts.plan, calls.element), h("div", {}, parts.money,
      h("section", { class: "card" }, h("h2", {}, "Log"), log))));

  // A part is drawn anew only when it says something else, so that focus, selection and what is open stay.
  function draw(name, value, make) {
    const now = JSON.stringify(value);
    if (drawn.get(name) === now) return;
    drawn.set(name, now);
    fill(parts[name], make());
  }

  // Many events come at once; the task is asked for once after them.
  function refresh() {
    clearTimeout(timer);
    timer = setTimeout(load, 250);
  }

  async function load() {
    try {
      const task = await json(taskPath(id), { signal });
      const decides = approvals.cards.size > 0;
      draw("head", [task.state, task.waiting, task.error, decides], () => head(task, stop, decides));
      draw("result", task.result, () => result(task));
      draw("plan", task.plan, () => plan(task));
      // A number that is being typed is not taken from under the hand.
      const now = JSON.stringify([task.budget, task.spent, task.state]);
      if (now !== inMoney && !parts.money.contains(document.activeElement)) fill(parts.money, money(task, raise));
      inMoney = now;
      if (FINAL.includes(task.state)) approvals.clear();
      await Promise.all([loadFiles(task), loadWhy(task), task.state === "cancelled" ? loadReceipt() : null]);
    } catch (error) {
      if (!signal.aborted && error.status !== 401) {
        drawn.delete("head");
        fill(parts.head, fault(error));
      }
    }
  }

  async function loadFiles(task) {
    if (!task.artifacts) return;
    const { data } = await json(taskPath(id, "artifacts"), { signal });
    draw("files", data, () => h("section", { class: "card" }, h("h2", {}, "Files"), h("ul", { class: "list" }, data.map((file) =>
      h("li", { class: "row" }, h("span", { class: "grow" }, file.name, h("small", {}, `${file.media_type}, ${bytes(file.bytes)}`)),
        h("button", { type: "button", class: "quiet", "aria-label": `Download ${file.name}`, onclick: () => download(file.url, file.name).catch((e) => say(e.message)) }, "Download"))))));
  }

  async function loadWhy(task) {
    if (FINAL.includes(task.state)) return fill(parts.why);
    const { reasons } = await json(taskPath(id, "why"), { signal });
    fill(why.firstChild, task.state === "waiting" ? "Why it waits" : "What it is at");
    fill(why.lastChild, reasons.map((r) => h("li", {}, r.explanation, r.advice ? h("small", {}, r.advice) : null)));
    if (!why.isConnected) fill(parts.why, h("section", { class: "card" }, why));
  }

  async function loadReceipt() {
    fill(parts.receipt, receipt(await json(taskPath(id, "cancel"), { signal })));
  }

  async function stop() {
    try {
      const task = await json(taskPath(id, "cancel"), { method: "POST", body: {} });
      fill(parts.receipt, receipt(task.cancel ?? {}));
      refresh();
    } catch (error) {
      say(error.message);
    }
  }

  async function raise(limits, trouble) {
    try {
      await ask(taskPath(id, "budget"), { method: "POST", body: limits });
      document.activeElement?.blur();
      inMoney = "";
      refresh();
    } catch (error) {
      fill(trouble, fault(error));
    }
  }

  load();
  follow(id, signal, (event) => {
    approvals.take(event);
    calls.take(event);
    log.prepend(line(event));
    if (log.children.length > LOG_LINES) log.lastChild.remove();
    refresh();
  }, refresh);
  signal.addEventListener("abort", () => clearTimeout(timer));
}

function head(task, stop, decides) {
  const ended = FINAL.includes(task.state);
  const sure = h("button", { type: "button", class: "danger", onclick: stop }, "Yes, cancel it");
  return h("section", { class: "card" },
    h("div", { class: "bar" }, h("h1", {}, task.title), badge(task.state)),
    h("p", { class: "quiet" }, h("time", { title: time(task.created_at_ms) }, `submitted ${age(task.created_at_ms)}`), ` · ${task.id}`),
    task.goal !== task.title ? h("details", {}, h("summary", {}, "The whole goal"), h("p", { class: "text" }, task.goal)) : null,
    task.error ? h("p", { class: "fault" }, task.error) : null,
    task.waiting && decides ? h("p", { class: "notice" }, "It waits for your decision, below.") : null,
    task.waiting && !decides ? h("p", { class: "notice" }, `Waits (${plain(task.waiting.kind)}): ${task.waiting.reason}`) : null,
    h("div", { class: "bar start" },
      ended ? null : h("details", { class: "inline" }, h("summary", {}, "Cancel …"), sure),
      h("a", { href: `#/tasks/${encodeURIComponent(task.id)}/browser` }, "See its browser")));
}

function result(task) {
  if (!task.result) return null;
  const { answer, data, criteria = [], not_done: open = [] } = task.result;
  const mark = (holds) => (holds === true ? "✓ holds" : holds === false ? "✗ does not hold" : "not checked by a machine");
  return h("section", { class: "card", id: "result" }, h("h2", {}, "Result"), h("p", { class: "text" }, answer),
    data ? h("pre", {}, JSON.stringify(data, null, 2)) : null,
    open.length ? [h("h3", {}, "Not done"), h("ul", {}, open.map((text) => h("li", {}, text)))] : null,
    criteria.length ? [h("h3", {}, "Checks"), h("ul", {}, criteria.map((c) => h("li", {}, `${mark(c.holds)}: ${c.criterion}`, c.found ? h("small", {}, c.found) : null)))] : null);
}

function plan(task) {
  const steps = (task.plan?.steps ?? []).filter((step) => step.plan_version === task.plan.version);
  if (!steps.length) return null;
  return h("section", { class: "card" }, h("h2", {}, "Plan"), h("ol", { class: "list" }, steps.map((step) =>
    h("li", { class: "row" }, badge(step.state), h("span", { class: "grow" }, step.title,
      step.waiting ? h("small", {}, step.waiting.kind === "approval" ? "It waits for your decision." : step.waiting.reason) : null)))));
}

function money(task, raise) {
  const waits = task.waiting?.kind === "budget";
  const trouble = h("div");
  const inputs = {};
  const rows = Object.keys(BUDGET).map((name) => {
    const [spent, most] = [task.spent[name], task.budget[name]];
    inputs[name] = h("input", { type: "number", min: spent, value: most, "aria-label": `${BUDGET[name]}${name === "wall_ms" ? " in milliseconds" : ""}, new limit` });
    return h("div", {}, h("div", { class: "bar" }, h("span", {}, BUDGET[name]), h("span", {}, `${budget(name, spent)} of ${budget(name, most)}`)),
      h("progress", { max: Math.max(most, 1), value: Math.min(spent, most), "aria-label": BUDGET[name] }), inputs[name]);
  });
  const send = (event) => {
    event.preventDefault();
    const changed = Object.entries(inputs).map(([name, input]) => [name, Number(input.value)]).filter(([name, n]) => n !== task.budget[name]);
    raise(Object.fromEntries(changed), trouble);
  };
  const ended = FINAL.includes(task.state);
  return h("section", { class: `card money${waits ? " asks" : ""}` }, h("h2", {}, "Budget"),
    h("form", { onsubmit: send }, h("details", { open: waits }, h("summary", {}, ended ? "Spent" : "Spent; change the limits"), rows,
      trouble, ended ? null : h("button", { type: "submit" }, "Set the limits"))));
}

function receipt(given) {
  const list = (title, rows, text) => [h("h3", {}, title), rows?.length ? h("ul", {}, rows.map((r) => h("li", {}, text(r)))) : h("p", { class: "quiet" }, "nothing")];
  return h("section", { class: "card" }, h("div", { class: "bar" }, h("h2", {}, "Receipt of the cancel"), badge(given.complete ? "all gone" : "not all gone yet", given.complete ? "succeeded" : "waiting")),
    list("Stopped", given.stopped, (r) => [plain(r.kind), r.tool, r.program, r.step?.key, r.summary].filter(Boolean).join(" · ")),
    list("Gone", given.gone, (r) => `${r.gone ? "✓" : "…"} ${r.step?.key ?? r.job}: ${r.explanation}`),
    list("What remains outside the sandbox", given.effects, (r) => [plain(r.kind), r.outcome, r.tool, r.summary].filter(Boolean).join(" · ")));
}

function line(event) {
  const d = event.data ?? {};
  const text = d.summary || d.reason || d.text || d.title || d.key || d.name || d.action || d.decision || d.model || d.error || "";
  return h("li", {}, h("time", { title: time(event.at_ms) }, clock(event.at_ms)), h("b", {}, event.kind), h("span", { class: "text" }, text === "" ? "" : String(text)));
}
