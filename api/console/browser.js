// A task's browser, live: the page as pictures, and the person's mouse and keyboard while the agent asks for them.

import { ask, json, taskPath } from "/console/api.js";
import { fault, fill, h, say } from "/console/dom.js";
import { time } from "/console/words.js";

const LOOK_MS = 2_000;
const BATCH_MS = 80;
const SPECIAL = ["Enter", "Tab", "Backspace", "Delete", "Escape", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown"];

export function show(view, id, signal) {
  const page = h("img", { class: "live", alt: "The page, live", tabindex: 0, draggable: "false" });
  const [help, tabs, trouble, state] = [h("div"), h("div", { class: "bar start", role: "group", "aria-label": "Tabs" }), h("div"), h("p", { class: "quiet", role: "status" }, "Looking …")];
  let [asked, tab, shownHelp, shownTabs, address] = [null, null, null, null, null];
  const hands = new Hands(page, () => Boolean(asked), send);

  fill(view, h("p", {}, h("a", { href: `#/tasks/${encodeURIComponent(id)}` }, "← The task")), h("h1", {}, "Its browser"),
    help, tabs, trouble, state, page);
  page.hidden = true;

  function send(input) {
    return ask(taskPath(id, "browser", "input"), { method: "POST", body: tab ? { ...input, tab } : input, signal })
      .then(() => fill(trouble), (error) => { if (!signal.aborted) fill(trouble, fault(error)); });
  }

  async function look() {
    const browser = await json(taskPath(id, "browser"), { signal });
    asked = browser.help;
    page.hidden = !browser.running || !page.src;
    page.classList.toggle("taken", Boolean(asked));
    state.textContent = !browser.running ? "No browser of this task runs in this process now."
      : asked ? "Click into the page to use it. Press Escape twice to leave it by keyboard." : "You watch. The page takes your hands only while the agent asks for you.";
    if (shownHelp !== (asked?.call ?? null)) fill(help, asked ? helpPanel(id, asked, look) : null);
    shownHelp = asked?.call ?? null;
    if (!browser.tabs.some((t) => t.tab === tab)) tab = null;
    const now = JSON.stringify([browser.tabs, tab, Boolean(asked)]);
    if (now !== shownTabs) fill(tabs, browser.tabs.map((t) => tabButton(t)));
    shownTabs = now;
    return browser.running;
  }

  function tabButton(t) {
    const pressed = tab ? t.tab === tab : t.current;
    const pick = () => { tab = t.tab; frames.restart(); look().catch(() => {}); };
    return [h("button", { type: "button", class: "quiet", "aria-pressed": String(pressed), title: t.url, onclick: pick }, t.title || t.url || t.tab),
      t.dialog && asked ? dialogPanel(t, send) : null];
  }

  const frames = {
    number: 0,
    restart() { this.number = 0; },
    async next() {
      const query = new URLSearchParams({ after: String(this.number), ...(tab ? { tab } : {}) });
      const answer = await ask(`${taskPath(id, "browser", "frame")}?${query}`, { signal });
      if (answer.status === 204) return;
      this.number = Number(answer.headers.get("errand-frame"));
      const next = URL.createObjectURL(await answer.blob());
      page.src = next;
      page.hidden = false;
      await page.decode().catch(() => {});
      if (address) URL.revokeObjectURL(address);
      address = next;
    },
  };

  const forever = async (work, pause) => {
    while (!signal.aborted) {
      let rest = pause;
      try {
        if ((await work()) === false) rest = LOOK_MS;
      } catch (error) {
        rest = LOOK_MS;
        if (!signal.aborted && ![401, 409].includes(error.status)) state.textContent = error.message;
      }
      await new Promise((resolve) => setTimeout(resolve, rest));
    }
  };
  forever(look, LOOK_MS);
  forever(() => frames.next(), 30);
  signal.addEventListener("abort", () => { hands.stop(); if (address) URL.revokeObjectURL(address); });
}

function helpPanel(id, asked, look) {
  const note = h("input", { autocomplete: "off", "aria-label": "Note for the agent", placeholder: "Note for the agent, if you like" });
  const trouble = h("div");
  const end = async (decision) => {
    try {
      await ask(taskPath(id, "calls", asked.call, "decision"), { method: "POST", body: note.value ? { decision, note: note.value } : { decision } });
      say("The agent goes on.");
      await look();
    } catch (error) {
      fill(trouble, fault(error));
    }
  };
  return h("section", { class: "card asks" }, h("h2", {}, `The agent asks for you: ${asked.why}`), h("p", { class: "text" }, asked.note),
    asked.decide_by ? h("p", { class: "quiet" }, `It goes on without you at ${time(Date.parse(asked.decide_by))}.`) : null,
    h("p", { class: "quiet" }, "What you type is in no log, and is taken out of what the model reads."), trouble, note,
    h("div", { class: "bar start" }, h("button", { type: "button", onclick: () => end("done") }, "Done"),
      h("button", { type: "button", class: "quiet", onclick: () => end("not_done") }, "Could not")));
}

function dialogPanel({ dialog }, send) {
  const text = h("input", { value: dialog.proposed, "aria-label": "Answer", hidden: dialog.kind !== "prompt" });
  const answer = (accept) => send({ action: "dialog", accept, ...(dialog.kind === "prompt" && accept ? { text: text.value } : {}) });
  return h("span", { class: "notice" }, `${dialog.message} `, text,
    h("button", { type: "button", onclick: () => answer(true) }, "OK"), h("button", { type: "button", class: "quiet", onclick: () => answer(false) }, "Dismiss"));
}

/** Turns the person's events on the picture into inputs, one after the other, in pixels of the picture. */
class Hands {
  constructor(page, mayAct, send) {
    Object.assign(this, { page, mayAct, send, typed: "", timer: null, queue: Promise.resolve(), escaped: 0, rolled: null });
    page.addEventListener("mousedown", (event) => this.press(event));
    page.addEventListener("mousemove", (event) => this.hover(event));
    page.addEventListener("contextmenu", (event) => mayAct() && event.preventDefault());
    page.addEventListener("wheel", (event) => this.roll(event), { passive: false });
    page.addEventListener("keydown", (event) => this.key(event));
    page.addEventListener("paste", (event) => { if (mayAct()) this.type(event.clipboardData.getData("text")); });
  }

  stop() {
    clearTimeout(this.timer);
    clearTimeout(this.resting);
    this.typed = "";
  }

  then(input) {
    this.queue = this.queue.then(() => this.send(input));
  }

  /** What was typed goes first, so that the order is the person's. */
  flush() {
    clearTimeout(this.timer);
    // At most 5,000 characters are taken at once.
    const all = Array.from(this.typed);
    this.typed = "";
    for (let at = 0; at < all.length; at += 4000) this.then({ action: "type", text: all.slice(at, at + 4000).join("") });
  }

  place(event) {
    const box = this.page.getBoundingClientRect();
    const scale = this.page.naturalWidth / box.width;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  }

  press(event) {
    if (!this.mayAct()) return;
    event.preventDefault();
    this.page.focus();
    clearTimeout(this.resting);
    this.flush();
    this.then({ action: "click", ...this.place(event), button: ["left", "middle", "right"][event.button] ?? "left", count: Math.min(Math.max(event.detail, 1), 3) });
  }

  /** Only where the mouse comes to rest is told. */
  hover(event) {
    clearTimeout(this.resting);
    if (!this.mayAct() || event.buttons) return;
    const to = this.place(event);
    this.resting = setTimeout(() => this.then({ action: "move", ...to }), 150);
  }

  roll(event) {
    if (!this.mayAct()) return;
    event.preventDefault();
    const by = this.rolled ?? { dx: 0, dy: 0 };
    if (!this.rolled) setTimeout(() => { this.then({ action: "scroll", ...this.rolled }); this.rolled = null; }, BATCH_MS);
    this.rolled = { ...this.place(event), dx: by.dx + event.deltaX, dy: by.dy + event.deltaY };
  }

  type(text) {
    this.typed += text;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), BATCH_MS);
  }

  key(event) {
    if (!this.mayAct() || event.isComposing) return;
    // AltGr makes letters, although it looks like Control and Alt.
    const isMade = event.getModifierState("AltGraph");
    const chord = !isMade && (event.ctrlKey || event.metaKey);
    // Pasting is left to the browser, which then says what is pasted.
    if (chord && event.key.toLowerCase() === "v") return;
    if (event.key === "Escape" && event.timeStamp - this.escaped < 600) return this.page.blur();
    if (event.key === "Escape") this.escaped = event.timeStamp;
    const isLetter = Array.from(event.key).length === 1;
    if (!isLetter && !SPECIAL.includes(event.key)) return;
    event.preventDefault();
    if (isLetter && !chord && (isMade || !event.altKey)) return this.type(event.key);
    this.flush();
    const held = [chord && "Control", event.altKey && "Alt", event.shiftKey && "Shift"].filter(Boolean);
    this.then({ action: "key", keys: [...held, event.key].join("+") });
  }
}
