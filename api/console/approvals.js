// What waits for a person's decision: calls that are held, and calls whose outcome nobody knows.

import { ask, taskPath } from "/console/api.js";
import { fault, fill, h, say } from "/console/dom.js";
import { time } from "/console/words.js";

const HELD = [["approve", "Approve"], ["deny", "Deny"]];
const UNKNOWN = [["done", "It was done"], ["not_done", "It was not done"], ["repeat", "Do it again"]];
const HELP = [["done", "Done"], ["not_done", "Could not"]];

export class Approvals {
  /** `changed` is called after a decision was taken. */
  constructor(task, changed) {
    this.task = task;
    this.changed = changed;
    this.cards = new Map();
    this.summaries = new Map();
    this.element = h("div", { id: "approvals", "aria-live": "polite" });
  }

  /** Takes the next event of the log. */
  take({ kind, step, data }) {
    if (kind === "tool.intended") this.summaries.set(data.call, data.summary);
    if ((kind === "call.held" || kind === "tool.unknown") && data.asked) this.add(kind, step, data);
    if (kind === "call.decided" || kind === "tool.returned") this.remove((card) => card.call === data.call);
    if (kind === "step.failed" || kind === "step.succeeded") this.remove((card) => card.step === step);
    if (kind === "task.finished") this.clear();
  }

  clear() {
    this.remove(() => true);
  }

  remove(which) {
    for (const [call, card] of this.cards) {
      if (!which(card)) continue;
      card.element.remove();
      this.cards.delete(call);
    }
  }

  add(kind, step, data) {
    this.remove((card) => card.call === data.call);
    const element = this.card(kind, data);
    this.cards.set(data.call, { call: data.call, step, element });
    this.element.append(element);
  }

  card(kind, data) {
    const note = h("input", { autocomplete: "off", maxlength: 1000, placeholder: "Note for the agent, if you like", "aria-label": "Note for the agent" });
    const trouble = h("div");
    const choices = data.help ? HELP : kind === "call.held" ? HELD : UNKNOWN;
    const buttons = choices.map(([decision, word], at) => h("button", {
      type: "button", class: at === 0 ? "" : "quiet", "data-decision": decision,
      onclick: () => decide(decision),
    }, word));
    const decide = async (decision) => {
      for (const button of buttons) button.disabled = true;
      try {
        const body = note.value ? { decision, note: note.value } : { decision };
        await ask(taskPath(this.task, "calls", data.call, "decision"), { method: "POST", body });
        this.remove((card) => card.call === data.call);
        say("Decided. The task goes on.");
        this.changed();
      } catch (error) {
        fill(trouble, fault(error));
        for (const button of buttons) button.disabled = false;
      }
    };
    const title = data.help ? "The agent asks for you" : kind === "call.held" ? "May this be sent?" : "Did this happen?";
    const summary = data.summary || this.summaries.get(data.call);
    return h("section", { class: "card asks", "aria-label": title },
      h("h2", {}, title),
      h("p", {}, h("b", {}, data.tool), summary ? ` · ${summary}` : ""),
      data.help ? h("p", { class: "text" }, data.help.note) : null,
      h("p", {}, `Why it is held: ${data.reason}`),
      data.content ? [h("h3", {}, "All that would be sent"), h("pre", {}, data.content)] : null,
      data.decide_by_ms ? h("p", { class: "quiet" }, `Without an answer by ${time(data.decide_by_ms)} it is settled without you.`) : null,
      data.help ? h("p", {}, h("a", { href: `#/tasks/${encodeURIComponent(this.task)}/browser` }, "Open its browser")) : null,
      trouble, note, h("div", { class: "bar start" }, buttons));
  }
}
