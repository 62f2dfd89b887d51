// Starts the console: asks for the key where there is none, and shows the view that the address names.

import { key } from "/console/api.js";
import * as browser from "/console/browser.js";
import * as computer from "/console/computer.js";
import { field, fill, h, say } from "/console/dom.js";
import * as task from "/console/task.js";
import * as tasks from "/console/tasks.js";

const ROUTES = [
  [/^#\/tasks\/([^/]+)\/browser$/, browser],
  [/^#\/tasks\/([^/]+)$/, task],
  [/^#\/computer$/, computer],
  [/^/, tasks],
];

const view = document.getElementById("view");
const forget = document.getElementById("forget");
let leave = new AbortController();

function show() {
  leave.abort();
  leave = new AbortController();
  say("");
  forget.hidden = !key.get();
  if (!key.get()) return askForKey();
  const [pattern, page] = ROUTES.find(([pattern]) => pattern.test(location.hash));
  for (const link of document.querySelectorAll("nav a")) {
    const here = location.hash.startsWith(link.getAttribute("href")) || (!location.hash && link.hash === "#/tasks");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const id = pattern.exec(location.hash)[1];
  page.show(view, id && decode(id), leave.signal);
  window.scrollTo(0, 0);
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function askForKey(wrong) {
  const input = h("input", { id: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true, placeholder: "errand_…" });
  const enter = (event) => {
    event.preventDefault();
    key.set(input.value.trim());
    show();
  };
  fill(view, h("form", { class: "card key", onsubmit: enter },
    h("h1", {}, "Your API key"),
    h("p", {}, "The server printed one when it first started; “errand key create NAME” makes another. It stays in this tab until you close it."),
    wrong ? h("div", { class: "fault", role: "alert" }, `This key was not taken: ${wrong}`) : null,
    field("Key", input),
    h("button", { type: "submit" }, "Open")));
  input.focus();
}

window.addEventListener("hashchange", () => {
  show();
  view.focus();
});
window.addEventListener("wrong-key", (event) => {
  if (!key.get()) return;
  leave.abort();
  key.forget();
  forget.hidden = true;
  askForKey(event.detail ?? "it is not valid");
});
forget.addEventListener("click", () => {
  key.forget();
  show();
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  view.focus();
});
show();
