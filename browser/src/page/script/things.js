// The kinds of things that a walk meets, and what each puts on its lines.

const OPTIONS_MAX = 8;
const OPTION_LETTERS = 60;
const VALUE_LETTERS = 100;

const FIELD_ROLES = new Set(['textbox', 'searchbox', 'email', 'tel', 'url', 'number', 'password', 'date', 'datetime', 'month', 'week', 'time', 'color', 'slider', 'combobox', 'spinbutton']);

Object.assign(Walk.prototype, {
  // Adds an item where it belongs: to the open heading or row, to the run of its block, or to a new line.
  put(context, item) {
    if (context.sink !== null) {
      this.putInto(context, item);
      return;
    }
    let line = this.run;
    const fits = line !== null && line.block === context.block && line.items.length < RUN_ITEMS_MAX;
    if (!fits) {
      line = this.open({ kind: 'run', depth: context.depth, block: context.block, modal: context.modal, items: [] }, item);
      this.run = line;
      if (line === null) return;
    }
    this.join(line.items, item);
  },

  putInto(context, item) {
    const { line } = context.sink;
    let { items } = line;
    const apart = line.block !== context.block;
    line.block = context.block;
    if (line.kind === 'row' || line.kind === 'head') {
      if (line.cells.length === 0) line.cells.push([]);
      items = context.cell ?? line.cells[line.cells.length - 1];
      line.count += 1;
      if (line.count > ROW_ITEMS_MAX) {
        line.more += 1;
        return;
      }
    }
    this.join(items, item, apart);
  },

  join(items, item, apart = false) {
    const last = items[items.length - 1];
    if (item.text === undefined || last?.text === undefined || last.text.length > this.letters * 4) items.push(item);
    else last.text += apart ? ` ${item.text}` : item.text;
  },

  // White space between inline things keeps words apart.
  space(context) {
    const items = context.sink !== null ? (context.cell ?? context.sink.line.items) : (this.run?.block === context.block ? this.run.items : null);
    const last = items?.[items.length - 1];
    if (last?.text !== undefined) last.text += ' ';
  },

  // Adds a line, unless there are enough; then it is only counted, with what could be acted on in it.
  open(line, item = null) {
    if (this.lines.length >= this.linesMax) {
      this.cut.lines += 1;
      if (item !== null && item.node !== undefined) this.cut.actions += 1;
      return null;
    }
    this.lines.push(line);
    return line;
  },

  heading({ context, place }, level) {
    this.run = null;
    const line = this.open({ kind: 'heading', level, depth: context.depth, modal: context.modal, items: [] });
    if (line === null) return { context, place };
    return { context: { ...context, sink: { line } }, place };
  },

  row({ node, tag, context, place }, clickable) {
    this.run = null;
    const first = querySelector(node, 'td, th, [role=cell], [role=gridcell], [role=columnheader]');
    const head = first !== null && (localName(first) === 'th' || attribute(first, 'role') === 'columnheader') && querySelector(node, 'td, [role=cell], [role=gridcell]') === null;
    const states = statesOf(node, tag, context);
    const item = clickable || states.includes('selected') ? { node, role: 'row', extra: states } : null;
    const line = this.open({ kind: head ? 'head' : 'row', depth: context.depth, modal: context.modal, cells: [], count: 0, more: 0, head: item }, item);
    if (line === null) return { context, place };
    return { context: { ...context, sink: { line } }, place };
  },

  cell(context) {
    const cell = [];
    context.sink.line.cells.push(cell);
    context.cell = cell;
  },

  // A group's first line; what is in the group is indented below it. It is dropped later if nothing is.
  group({ node, tag, given, context }, word, area) {
    const isDialog = word !== null && word[0] === 'dialog';
    let name = word === null ? '' : groupName(node, tag);
    if (isDialog && name === '') {
      const heading = querySelector(node, 'h1, h2, h3, [role=heading]');
      if (heading !== null) name = textInside(heading, NAME_LETTERS);
    }
    if (word !== null && word[1] && name === '' && area === null) return;
    if (context.sink !== null || context.named) return;
    this.run = null;
    const item = { role: word?.[0] ?? 'scroll area', name, extra: [] };
    if (isDialog || area !== null || tag === 'table') item.node = node;
    if (area !== null) item.area = area;
    if (isModal(node, tag, given)) item.extra.push('modal');
    this.open({ kind: 'group', depth: context.depth, modal: context.modal, head: item }, item);
    context.depth += 1;
  },

  // A link, a button, a field, a frame, a canvas.
  action(thing) {
    const { node, tag, role, context } = thing;
    if (tag === 'input' || tag === 'select' || tag === 'textarea') {
      if (standIn(node) === null) this.put(context, this.field(node, node, tag, role, context));
      return null;
    }
    if (role === 'frame') this.put(context, this.frame(thing));
    else if (role === 'canvas' || role === 'video' || role === 'audio' || role === 'embedded') this.put(context, this.media(thing));
    else if (role === 'editor' || FIELD_ROLES.has(role)) {
      const item = this.named(node, tag, role, context, false);
      const value = isSecret(node) ? '' : textInside(node, VALUE_LETTERS);
      if (value !== '' && value !== item.name) item.value = value;
      else if (item.name === '' && value !== '') item.name = value;
      this.put(context, item);
    } else return this.container(thing, role);
    return null;
  },

  // A thing that is its name, unless there are other things to act on in it: then these follow it, and its text is not said twice.
  container({ node, tag, context, place }, role) {
    const item = this.named(node, tag, role, context, true);
    const isMore = querySelector(node, INNER) !== null || (tag.includes('-') && shadowOf(node) !== null);
    if (!isMore) {
      this.put(context, item);
      return null;
    }
    item.name = clean(item.name, 80);
    if (context.sink !== null) {
      this.put(context, item);
      return { context: { ...context, named: true }, place };
    }
    this.run = null;
    this.open({ kind: 'group', depth: context.depth, modal: context.modal, head: item }, item);
    return { context: { ...context, named: true, depth: context.depth + 1 }, place };
  },

  clickable(thing, word) {
    const { node, tag, context, place, box, given } = thing;
    if (context.named || !hasSize(box, 4)) return { context, place };
    const role = tag === 'img' || tag === 'svg' || given === 'img' ? 'image' : word;
    const text = textInside(node, CLICKABLE_LETTERS + 1);
    if (text.length <= CLICKABLE_LETTERS && querySelector(node, INNER) === null && shadowOf(node) === null) {
      this.put(context, this.named(node, tag, role, context, true, CLICKABLE_LETTERS));
      return null;
    }
    const item = this.named(node, tag, role, context, false);
    if (context.sink !== null) this.put(context, item);
    else {
      this.run = null;
      this.open({ kind: 'group', depth: context.depth, modal: context.modal, head: item }, item);
      context.depth += 1;
    }
    return { context, place };
  },

  // A label stands for a box that the page does not draw. Of another field it is the name, and is not said again.
  label({ node, tag, context, place }) {
    const { control } = node;
    if (control === null) return { context, place };
    if (standIn(control) === node) {
      this.put(context, this.field(node, control, localName(control), actionRole(control, localName(control), givenRole(control)), context));
      return { context: { ...context, named: true }, place };
    }
    const isSeen = isRendered(control) && (this.everything || touches(boxOf(control), context.clip));
    return { context: isSeen ? { ...context, named: true } : context, place };
  },

  named(node, tag, role, context, contents, letters = NAME_LETTERS) {
    const item = { node, role, name: nameOf(node, tag, contents, letters), states: () => statesOf(node, tag, context), extra: [] };
    if (item.name === '') item.hint = hintOf(node, tag);
    return item;
  },

  // A form field. `node` is what is clicked, `field` what bears the value.
  field(node, field, tag, role, context) {
    const item = { node, role, name: nameOf(field, tag, tag === 'button'), states: () => statesOf(field, tag, context), extra: [] };
    if (item.name === '') item.hint = hintOf(field, tag);
    if (role === 'button' || role === 'checkbox' || role === 'radio' || role === 'switch') return item;
    if (tag === 'select') return this.choices(item, field);
    if (isSecret(field)) {
      if (field.value !== '') item.extra.push('filled');
      return item;
    }
    let { value } = field;
    if (role === 'file') value = [...(field.files ?? [])].slice(0, 4).map((file) => file.name).join(', ');
    if (value !== '') item.value = clean(value, VALUE_LETTERS);
    return item;
  },

  choices(item, field) {
    const { options } = field;
    const text = (option) => clean(option.label, OPTION_LETTERS);
    const chosen = [...field.selectedOptions].slice(0, 4).map(text).filter((label) => label !== '');
    if (chosen.length > 0) item.value = chosen.join(', ');
    if (options.length > OPTIONS_MAX) item.more = options.length;
    else item.options = [...options].map(text);
    return item;
  },

  frame({ node, tag, box, context }) {
    const [left, top] = [box.left + node.clientLeft, box.top + node.clientTop];
    const inner = { left, top, right: left + clientWidth(node), bottom: top + clientHeight(node) };
    const seen = this.everything ? inner : overlap(inner, context.clip);
    return {
      node, role: 'frame', name: nameOf(node, tag, false), states: () => statesOf(node, tag, context),
      url: clean(attribute(node, 'src'), 200),
      // The part of its own window that can be seen, in its own measure.
      seen: [seen.left - left, seen.top - top, seen.right - seen.left, seen.bottom - seen.top].map(Math.round),
    };
  },

  media({ node, tag, box, role, context }) {
    const item = this.named(node, tag, role, context, role === 'canvas');
    item.size = [Math.round(box.width), Math.round(box.height)];
    if (node instanceof HTMLMediaElement) item.extra.push(node.paused ? 'paused' : 'playing');
    return item;
  },

  picture({ node, tag, box, context, place }) {
    if (context.named) return null;
    let name = nameOf(node, tag === 'svg' ? tag : 'img', false);
    if (name === '' && tag === 'svg') {
      const title = querySelector(node, 'title');
      if (title !== null) name = textOnly(title, NAME_LETTERS);
    }
    const decorative = tag === 'img' && attribute(node, 'alt') === '';
    const large = hasSize(box, 100) && !decorative && tag === 'img';
    if (name !== '') this.put(context, { role: 'image', name });
    else if (large) this.put(context, { role: 'image', name: '', hint: hintOf(node, tag) || clean(node.currentSrc.slice(-200).split(/[?#]/, 1)[0].split('/').pop(), 40) });
    // Writing inside a drawing, as on a chart.
    return tag === 'svg' && querySelector(node, 'text, a, foreignObject') !== null ? { context, place } : null;
  },

  progress({ node, tag, context }) {
    const item = { role: 'progress', name: nameOf(node, tag, false) };
    const value = attribute(node, 'aria-valuetext') ?? attribute(node, 'aria-valuenow') ?? attribute(node, 'value');
    if (value !== null) item.value = clean(value, 40);
    this.put(context, item);
    return null;
  },

  // Fields for files are often hidden behind a button of the page's own; a file can be put into them all the same.
  hiddenFileFields() {
    for (const field of [...all(document, 'input[type=file i]')].slice(0, 5)) {
      if (isRendered(field) || standIn(field) !== null || !(field instanceof HTMLInputElement)) continue;
      const item = this.field(field, field, 'input', 'file', { inert: false, ariaHidden: false });
      item.extra.push('hidden');
      this.open({ kind: 'run', depth: 0, block: -1, modal: this.modal, items: [item] }, item);
    }
  },
});
