// What commands are held to: the statement of one call, and of this machine.

import { json } from "/console/api.js";
import { badge, fault, fill, h } from "/console/dom.js";
import { HOLDS, limit, limitName, network, plain } from "/console/words.js";

/** The page about this machine. */
export async function show(view, _id, signal) {
  const body = h("div", {}, h("p", { class: "quiet" }, "The worker tries its cage …"));
  fill(view, h("h1", {}, "What commands are held to here"), body);
  try {
    const { worker } = await json("/v1/computer", { signal });
    if (!worker) {
      fill(body, h("p", {}, "This process runs no worker. Run “errand doctor” on the machines that do."));
    } else if (!worker.usable || !worker.enforced) {
      fill(body, h("p", { class: "fault" }, "Commands are refused: they cannot be isolated on this machine. “errand doctor” says what is missing."));
    } else {
      fill(body, h("div", { class: "card" }, statement(worker.enforced, true)));
    }
  } catch (error) {
    if (!signal.aborted) fill(body, fault(error));
  }
}

/** How a call was isolated, in a word; red where it was not at all. */
export function isolation(enforced, word) {
  const name = enforced?.isolation ?? word;
  if (!name) return null;
  return badge(name, name === "unsandboxed" ? "failed" : Object.keys(enforced?.lacks ?? {}).length ? "waiting" : "succeeded");
}

/** A whole statement in words; what is lacking is always in sight. */
export function statement(enforced, open = false) {
  const lacks = Object.entries(enforced.lacks ?? {});
  const { task, tenant, ...own } = enforced.limits ?? {};
  return [
    h("p", {}, isolation(enforced), ` run by ${enforced.backend}. Reach: ${network(enforced.network)}.`),
    enforced.isolation === "unsandboxed" ? h("p", { class: "fault" }, "Nothing stands between this command and the machine.") : null,
    lacks.length ? [h("h3", {}, "What is lacking"), h("ul", { class: "lacks" }, lacks.map(([what, why]) => h("li", {}, `${plain(what)}: ${why}`)))] : null,
    h("details", { open }, h("summary", {}, "What holds, and limits"),
      h("ul", {}, (enforced.holds ?? []).map((name) => h("li", {}, HOLDS[name] ?? plain(name))),
      enforced.namespaces?.length ? h("li", {}, `It has its own ${enforced.namespaces.join(", ")} namespaces.`) : null),
      limits("Limits", own), limits("Of all commands of a task", task), limits("Of all commands of a tenant", tenant)),
  ];
}

function limits(title, values) {
  // What enforces a limit is said with it.
  const by = (name) => {
    const what = name.replace(/_(bytes|percent)$/, "");
    return values[`${what}_by`] ?? (values.watched?.includes(what) ? "watched" : null);
  };
  const entries = Object.entries(values ?? {}).filter(([name, value]) => typeof value === "number" && !name.endsWith("_by"));
  if (!entries.length) return null;
  return [h("h3", {}, title),
    h("dl", {}, entries.map(([name, value]) => [h("dt", {}, limitName(name)), h("dd", {}, limit(name, value), by(name) ? ` (${plain(by(name))})` : "")]))];
}
