// One walk over what is drawn, which makes lines of it.
//
// It has no recursion, looks at no more nodes than its time allows, and copies nothing that it may not give away. A line is a
// run of text and small things that stand in one row on the page, a heading, a row of a table, or the beginning of a group.

const TEXT_LETTERS = 500;
const RUN_ITEMS_MAX = 16;
const ROW_ITEMS_MAX = 40;
const CLICKABLE_LETTERS = 200;
// What makes a link, button or clickable box more than its name.
const INNER = 'a[href], button, input:not([type=hidden]), select, textarea, summary, iframe, video, [contenteditable], [onclick], '
  + '[role=button], [role=link], [role=checkbox], [role=radio], [role=switch], [role=tab], [role=menuitem], [role=option], '
  + '[role=treeitem], [role=textbox], [role=combobox], [role=slider], [tabindex="0"]';
const CELL_ROLES = new Set(['cell', 'gridcell', 'columnheader', 'rowheader']);
const BOXES = new Set(['checkbox', 'radio', 'file']);

const now = performance.now.bind(performance);

const hasSize = (box, least = 1) => box.width >= least && box.height >= least;
const touches = (box, clip, least = 1) => Math.min(box.right, clip.right) - Math.max(box.left, clip.left) >= least
  && Math.min(box.bottom, clip.bottom) - Math.max(box.top, clip.top) >= least;
const isWithin = (box, clip) => box.left >= clip.left && box.right <= clip.right && box.top >= clip.top && box.bottom <= clip.bottom;
const overlap = (box, clip) => ({
  left: Math.max(box.left, clip.left), top: Math.max(box.top, clip.top),
  right: Math.min(box.right, clip.right), bottom: Math.min(box.bottom, clip.bottom),
});

// Whether it is made so small that nobody sees it: what is written so is for screen readers alone.
const isCutAway = (style, box) => style.position === 'absolute' && style.overflowX !== 'visible' && box.width <= 2 && box.height <= 2;

// The label that stands for a box which is not drawn itself, as where a page draws its own check boxes; else null.
const standIn = (field) => {
  if (!(field instanceof HTMLInputElement) || !BOXES.has(field.type)) return null;
  const box = boxOf(field);
  const reachable = isRendered(field, { visibilityProperty: true }) && hasSize(box, 3) && box.right > 0 && box.bottom + scrollY > 0;
  if (reachable) return null;
  for (const label of [...(field.labels ?? [])].slice(0, 4)) {
    if (isRendered(label, { visibilityProperty: true, opacityProperty: true }) && hasSize(boxOf(label))) return label;
  }
  return null;
};

const elementAt = caller(Document, 'elementFromPoint');
const elementAtIn = caller(ShadowRoot, 'elementFromPoint');
const assignedSlot = reader(Element, 'assignedSlot');
const POINTS = [[0.5, 0.5], [0.5, 0.03], [0.5, 0.97], [0.97, 0.97], [0.03, 0.97], [0.97, 0.5], [0.03, 0.5], [0.97, 0.03], [0.03, 0.03], [0.5, 0.25], [0.5, 0.75]];
const POINTS_MILLISECONDS = 120;
// What is left at least for what is found so.
const HURRY_MILLISECONDS = 300;

// What the window certainly shows (true), with all that it lies in (false): what is opened over the page, and what is hit at some
// points. On a page that is so large that this is needed, each point costs a lot.
const shownAround = (clip) => {
  const shown = new Map();
  const add = (hit) => {
    if (hit === null) return;
    for (let element = hit; element !== null && !shown.has(element); element = assignedSlot(element) ?? parentElement(element)) shown.set(element, false);
    shown.set(hit, true);
  };
  for (const opened of [...all(document, 'dialog[open], [role=dialog], [role=alertdialog], [popover]')].slice(0, 50)) add(opened);
  const until = now() + POINTS_MILLISECONDS;
  for (const [across, down] of POINTS) {
    if (now() > until) break;
    const [x, y] = [clip.left + (clip.right - clip.left) * across, clip.top + (clip.bottom - clip.top) * down];
    let hit = elementAt(document, x, y);
    while (hit !== null) {
      const shadow = shadowOf(hit);
      const inside = shadow === null ? null : elementAtIn(shadow, x, y);
      if (inside === null || inside === hit) break;
      hit = inside;
    }
    add(hit);
  }
  return shown;
};

class Walk {
  // `everything`: also what is outside the window. `clip`: the part of the window that is seen of this frame.
  constructor({ everything, clip, until, linesMax, letters = TEXT_LETTERS }) {
    this.everything = everything;
    this.clip = clip;
    this.until = until;
    this.linesMax = linesMax;
    this.letters = letters;
    this.lines = [];
    this.cut = { lines: 0, actions: 0 };
    this.outside = { above: 0, below: 0, beside: 0 };
    this.modal = false;
    this.complete = true;
    this.looked = 0;
    this.blocks = 0;
    this.run = null;
    this.range = createRange(document);
    this.stack = [];
    // When most of the time is gone, only what the window certainly shows is still visited: a dialog is often the last thing on a page.
    this.shown = null;
    this.hurryAt = everything ? until : until - (until - now()) * 0.4;
  }

  walk(top) {
    this.stack.push({ node: top, list: null, at: 0, once: true, place: 'mixed', context: {
      depth: 0, block: 0, clip: this.clip, area: this.outside, sink: null, cell: null, named: false, hidden: false, transparent: false,
      inert: false, ariaHidden: false, pointer: false, sectioned: false, modal: false, certain: false, cutAway: false,
    } });
    while (this.stack.length > 0) {
      this.looked += 1;
      if (this.looked % 128 === 0 && this.isLate()) return;
      const entry = this.stack[this.stack.length - 1];
      let { node } = entry;
      if (entry.list !== null) {
        node = entry.list[entry.at];
        entry.at += 1;
        if (entry.at >= entry.list.length) this.stack.pop();
      } else {
        entry.node = entry.once ? null : nextSibling(node);
        if (entry.node === null) this.stack.pop();
      }
      this.visit(node, entry.context, entry.place);
    }
  }

  isLate() {
    const time = now();
    if (this.shown === null && time > this.hurryAt && time < this.until) {
      this.shown = shownAround(this.clip);
      this.complete = false;
      this.until = Math.max(this.until, now() + HURRY_MILLISECONDS);
      return false;
    }
    if (time <= this.until) return false;
    this.complete = false;
    return true;
  }

  visit(node, context, place) {
    const type = nodeType(node);
    if (type === TEXT) this.text(node, context, place);
    if (type !== ELEMENT) return;
    const inside = this.element(node, context);
    if (inside === null) return;
    const shadow = shadowOf(node);
    if (shadow === null) noteHost(node, inside.place);
    else watchSwitches(shadow);
    const [first, list] = drawnChildren(node);
    if (first !== null || list !== null) {
      this.stack.push({ node: first, list, at: 0, once: false, context: inside.context, place: inside.place });
    }
  }

  text(node, context, place) {
    if (context.named || context.hidden || place === 'out') return;
    const value = nodeValue(node);
    if (!/\S/.test(value)) {
      this.space(context);
      return;
    }
    if (place === 'mixed') {
      this.range.selectNodeContents(node);
      const box = boxOfRange(this.range);
      if (!this.everything && !touches(box, context.clip, 2)) return;
      if (!hasSize(box) || !isRendered(parentElement(node) ?? documentElement(document), { visibilityProperty: true })) return;
    }
    this.put(context, { text: start(value, this.letters * 4) });
  }

  placeOf(box, clip) {
    if (!hasSize(box)) return 'mixed';
    if (this.everything) return 'in';
    if (!touches(box, clip)) return 'out';
    return isWithin(box, clip) ? 'in' : 'mixed';
  }

  // What is to be done with what is inside: its context and where it lies, or null for nothing.
  element(node, context) {
    const tag = localName(node);
    if (SKIPPED.has(tag) || (this.shown !== null && !context.certain && !this.shown.has(node))) return null;
    const box = boxOf(node);
    let within = context;
    let place = this.placeOf(box, context.clip);
    if (place === 'out') {
      const escapes = context.clip !== this.clip && touches(box, this.clip) && getComputedStyle(node).position === 'fixed';
      if (!escapes) return this.outOfView(node, tag, box, context);
      within = { ...context, clip: this.clip, area: this.outside };
      place = this.placeOf(box, this.clip);
    }
    if (!isRendered(node)) {
      return getComputedStyle(node).display === 'contents' ? { context, place: 'mixed' } : null;
    }
    if (tag === 'br') {
      this.run = null;
      return null;
    }
    const given = givenRole(node);
    const role = actionRole(node, tag, given);
    const style = getComputedStyle(node);
    const thing = { node, tag, given, role, box, style, place, wasPointed: within.pointer, clip: within.clip, context: this.contextOf(node, tag, style, box, within) };
    // Nothing is drawn of it: only what is inside may be. A transparent field is often laid over a drawing of it, and takes the clicks.
    const overlaid = thing.context.transparent && (tag === 'input' || tag === 'select');
    const unseen = style.visibility !== 'visible' || !hasSize(box) || (thing.context.transparent && !overlaid);
    return unseen ? { context: thing.context, place } : this.drawn(thing);
  }

  // Counts it if it can be acted on. What is inside may be seen all the same, as where it is fixed to the window.
  outOfView(node, tag, box, context) {
    if (tag !== 'body' && matches(node, INNER)) {
      const { clip, area } = context;
      const side = box.bottom <= clip.top + 1 ? 'above' : box.top >= clip.bottom - 1 ? 'below' : 'beside';
      if (isRendered(node, { visibilityProperty: true })) area[side] += 1;
      if (tag === 'a' || tag === 'button' || FIELDS.has(tag) || tag === 'iframe') return null;
    }
    return { context, place: 'out' };
  }

  contextOf(node, tag, style, box, context) {
    const inside = { ...context };
    const display = style.display;
    if (!display.startsWith('inline') && display !== 'ruby') {
      this.blocks += 1;
      inside.block = this.blocks;
    }
    inside.transparent = context.transparent || style.opacity === '0';
    inside.hidden = inside.transparent || style.visibility !== 'visible' || context.cutAway || isCutAway(style, box);
    inside.cutAway = context.cutAway || isCutAway(style, box);
    inside.inert = context.inert || hasAttribute(node, 'inert');
    inside.ariaHidden = context.ariaHidden || isOn(node, 'aria-hidden');
    inside.pointer = style.cursor === 'pointer';
    inside.certain = context.certain || this.shown?.get(node) === true;
    inside.sectioned = context.sectioned || SECTIONS.has(tag);
    return inside;
  }

  drawn(thing) {
    const { node, tag, given, role, context, style } = thing;
    if (isModal(node, tag, given)) {
      context.modal = true;
      this.modal = true;
    }
    const area = this.clipTo(thing);
    // What lies in it is held to the narrower clip.
    if (context.clip !== thing.clip) thing.place = 'mixed';
    if (tag === 'label') return this.label(thing);
    if (role !== '') return this.action(thing);
    if (tag === 'legend' || tag === 'caption') {
      const around = parentElement(node);
      if (around instanceof HTMLFieldSetElement || around instanceof HTMLTableElement) return null;
    }
    const level = headingLevel(tag, given, node);
    if (level > 0 && context.sink === null && !context.named) return this.heading(thing, level);
    const clickable = seemsClickable(node, tag)
      || (style.cursor === 'pointer' && !thing.wasPointed && tag !== 'html' && tag !== 'body');
    if ((tag === 'tr' || given === 'row') && context.sink === null && !context.named && querySelector(node, 'table') === null) {
      return this.row(thing, clickable);
    }
    const isCell = context.sink !== null && (tag === 'td' || tag === 'th' || CELL_ROLES.has(given));
    if (isCell) this.cell(context);
    const word = groupWord(tag, given, context.sectioned && !SECTIONS.has(tag));
    const holds = area !== null || (word !== null && !word[1]);
    if (clickable && !holds) return this.clickable(thing, isCell ? 'cell' : 'clickable');
    if (tag === 'img' || tag === 'svg' || given === 'img') return this.picture(thing);
    if (tag === 'progress' || tag === 'meter' || given === 'progressbar') return this.progress(thing);
    if (word !== null || area !== null) this.group(thing, word, area);
    return { context, place: thing.place };
  }

  // Narrows what is seen to the box of what scrolls or cuts off, and opens a count of its own for what scrolls.
  clipTo({ node, tag, box, style, context }) {
    if (this.everything || tag === 'html' || FIELDS.has(tag)) return null;
    const high = scrollHeight(node) > clientHeight(node) + 1;
    if (clientHeight(node) === 0 || (!high && scrollWidth(node) <= clientWidth(node) + 1)) return null;
    if (style.overflowY === 'visible' || style.display === 'inline') return null;
    // What the body says of overflow counts for the window.
    if (tag === 'body' && getComputedStyle(documentElement(document)).overflowY === 'visible') return null;
    context.clip = overlap(box, context.clip);
    if (!high || (style.overflowY !== 'auto' && style.overflowY !== 'scroll')) {
      context.area = { above: 0, below: 0, beside: 0 };
      return null;
    }
    context.area = { above: 0, below: 0, beside: 0, node };
    return context.area;
  }
}

const boxOfRange = caller(Range, 'getBoundingClientRect');
