// Makes elements. Text reaches the page here alone, and only as text: goals, answers and pages are strangers' words.

/**
 * An element. `props` holds attributes; `on…` are listeners, and `true`/`false` set or leave out an attribute.
 * Children are elements, texts (set as text, never read as HTML), or nothing.
 */
export function h(name, props = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  put(element, ...children);
  return element;
}

/** Adds children. */
export function put(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

/** Replaces all children. */
export function fill(element, ...children) {
  element.replaceChildren();
  return put(element, ...children);
}

/** Tells the person something in passing; it is read aloud too. */
export function say(text) {
  const said = document.getElementById("said");
  said.textContent = text;
  setTimeout(() => { if (said.textContent === text) said.textContent = ""; }, 6_000);
}

/** A fault, as a box. */
export function fault(error) {
  const points = (error.errors ?? []).map((e) => h("li", {}, `${e.pointer}: ${e.message}`));
  return h("div", { class: "fault", role: "alert" }, error.message, points.length ? h("ul", {}, points) : null);
}

/** A labelled field of a form. */
export function field(label, control, hint) {
  return h("label", { class: "field" }, h("span", {}, label), control, hint ? h("small", {}, hint) : null);
}

/** A state, as a badge whose word says it too: colour alone does not. */
export function badge(word, kind = word) {
  return h("span", { class: `badge is-${String(kind).replace(/[^a-z_]/g, "")}` }, word);
}
