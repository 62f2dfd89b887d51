// The form for a new task.

import { json } from "/console/api.js";
import { fault, field, fill, h } from "/console/dom.js";

export function submitForm() {
  const goal = h("textarea", { id: "goal", rows: 3, required: true, placeholder: "What is to be done?" });
  const files = h("input", { type: "file", multiple: true, id: "files" });
  const network = select("network", [["", "none"], ["allow_list", "only these hosts"], ["open", "any public host"]]);
  const hosts = h("input", { id: "hosts", placeholder: "pypi.org, *.example.com", autocomplete: "off" });
  const hostsField = field("Hosts", hosts, "Separated by commas.");
  const trust = select("trust", [["", "a stranger's words"], ["user", "I vouch for them"]]);
  const approvals = select("approvals", [["", "ask me"], ["deny", "deny it"], ["grant", "grant it beforehand"]]);
  const sendTo = h("input", { id: "send-to", placeholder: "api.example.com", autocomplete: "off" });
  const secrets = h("input", { id: "secrets", placeholder: "github", autocomplete: "off" });
  const trouble = h("div");
  const button = h("button", { type: "submit", id: "submit" }, "Submit");
  hostsField.hidden = true;
  network.addEventListener("change", () => { hostsField.hidden = network.value !== "allow_list"; });
  // The same goal sent twice by a nervous hand is one task.
  let once = crypto.randomUUID?.() ?? String(Math.random());

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    fill(trouble);
    const task = { goal: goal.value };
    if (network.value) task.network = { mode: network.value, ...(network.value === "allow_list" ? { hosts: names(hosts) } : {}) };
    const policy = { ...(trust.value ? { files: trust.value } : {}), ...(approvals.value ? { approvals: approvals.value } : {}) };
    if (names(sendTo).length) policy.send_to = names(sendTo);
    if (Object.keys(policy).length) task.policy = policy;
    if (names(secrets).length) task.secrets = names(secrets);
    try {
      const made = await json("/v1/tasks", { method: "POST", body: bodyOf(task, files.files), headers: { "Idempotency-Key": once } });
      location.hash = `#/tasks/${encodeURIComponent(made.id)}`;
    } catch (error) {
      once = crypto.randomUUID?.() ?? String(Math.random());
      fill(trouble, fault(error));
    }
    button.disabled = false;
  }

  return h("form", { class: "card", onsubmit: submit, "aria-label": "New task" },
    field("Goal", goal),
    h("details", {}, h("summary", {}, "Files, network, private data, approvals"),
      h("div", { class: "grid" },
        field("Files", files),
        field("What is in them", trust, "A stranger's words are not obeyed, and what they reach needs consent."),
        field("Network", network), hostsField,
        field("What would send private data", approvals),
        field("May be sent to without asking", sendTo),
        field("Secrets it may use", secrets))),
    trouble, button);
}

function bodyOf(task, files) {
  if (!files.length) return task;
  const form = new FormData();
  form.append("task", new Blob([JSON.stringify(task)], { type: "application/json" }));
  for (const file of files) form.append("files", file, file.name);
  return form;
}

function names(input) {
  return input.value.split(/[\s,]+/).filter(Boolean);
}

function select(id, options) {
  return h("select", { id }, options.map(([value, word]) => h("option", { value }, word)));
}
