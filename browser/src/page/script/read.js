// Readable text as Markdown: headings, paragraphs, links, lists, tables, code. What is not the page's own text is left out and
// counted: navigation, headers and footers, fields. Given in pages that end at the end of a line.

const textContent = reader(Node, 'textContent');
const innerText = reader(HTMLElement, 'innerText');
const BLOCK_LETTERS = 100000;
const CELL_LETTERS = 1000;
const BUILT_LETTERS_MAX = 4000000;
const INDENTS_MAX = 8;
const IMITATES = /^(#{1,6} |[-*+] |\d+[.)] |>|```|~~~|\|)/;

class Reader {
  constructor({ whole, until }) {
    this.whole = whole;
    this.until = until;
    this.lines = [];
    this.letters = 0;
    this.buffer = '';
    this.prefixes = [];
    this.leftOut = {};
    this.frames = [];
    this.complete = true;
    this.looked = 0;
    this.continued = false;
    this.wasInList = false;
  }

  leave(what) {
    this.leftOut[what] = (this.leftOut[what] ?? 0) + 1;
  }

  // Puts lines of one block out, each behind the marks of the lists and quotes that it is in.
  block(texts, tight = false) {
    if (!tight && this.lines.length > 0 && this.lines[this.lines.length - 1] !== '') this.line(this.indent(false).trimEnd());
    for (const text of texts) this.line(this.indent(true) + text);
    this.continued = false;
    this.wasInList = false;
  }

  indent(take) {
    let mark = '';
    for (const prefix of this.prefixes.slice(0, INDENTS_MAX)) {
      if (take) mark += prefix.used ? prefix.rest : prefix.first;
      else if (prefix.used) mark += prefix.rest;
      if (take) prefix.used = true;
    }
    return mark;
  }

  line(text) {
    this.lines.push(text);
    this.letters += text.length + 1;
  }

  // Ends the paragraph that is being gathered. `continues`: what follows is the next line of the same paragraph.
  flush(continues = false) {
    const text = clean(this.buffer, BLOCK_LETTERS);
    this.buffer = '';
    if (text === '') return;
    const inList = this.prefixes.length > 0 && this.prefixes[this.prefixes.length - 1].list === true;
    this.block([IMITATES.test(text) ? `\\${text}` : text], this.continued || (inList && this.wasInList));
    this.continued = continues;
    this.wasInList = inList;
  }

  read(top) {
    const stack = [{ node: top, list: null, at: 0, once: true, context: { flat: false, sectioned: false, table: null } }];
    while (stack.length > 0) {
      this.looked += 1;
      if ((this.looked % 128 === 0 && now() > this.until) || this.letters > BUILT_LETTERS_MAX) {
        this.complete = false;
        break;
      }
      const entry = stack[stack.length - 1];
      if (entry.leave !== undefined) {
        stack.pop();
        entry.leave();
        continue;
      }
      let { node } = entry;
      if (entry.list !== null) {
        node = entry.list[entry.at];
        entry.at += 1;
        if (entry.at >= entry.list.length) stack.pop();
      } else {
        entry.node = entry.once ? null : nextSibling(node);
        if (entry.node === null) stack.pop();
      }
      const type = nodeType(node);
      if (type === TEXT) this.buffer += start(nodeValue(node), BLOCK_LETTERS).replaceAll('](', ']\\(');
      if (type !== ELEMENT) continue;
      const inside = this.element(node, entry.context);
      if (inside === null) continue;
      if (inside.leave !== undefined) stack.push({ leave: inside.leave });
      const [first, list] = drawnChildren(node);
      if (first !== null || list !== null) stack.push({ node: first, list, at: 0, once: false, context: inside.context });
    }
    this.flush();
  }

  element(node, context) {
    const tag = localName(node);
    if (SKIPPED.has(tag)) return null;
    const style = getComputedStyle(node);
    if (style.display !== 'contents' && !isRendered(node, { visibilityProperty: true })) {
      // What is invisible by its `visibility` alone may hold what is not.
      return isRendered(node) && style.visibility === 'hidden' && querySelector(node, '[style*=visible]') !== null ? { context } : null;
    }
    const given = givenRole(node);
    if (isOn(node, 'aria-hidden') || style.opacity === '0' || (style.position === 'absolute' && isCutAway(style, boxOf(node)))) return null;
    if (!this.whole && this.isAround(tag, given, context)) return null;
    const special = this.special(node, tag, context);
    if (special !== undefined) return special;
    const structure = this.structure(node, tag, given, context);
    if (structure !== undefined) return structure;
    const inside = SECTIONS.has(tag) ? { ...context, sectioned: true } : context;
    if (style.display.startsWith('inline') || style.display === 'contents' || style.display === 'ruby') return { context: inside };
    return this.paragraph(inside);
  }

  // A box of its own: what is gathered ends before and after it.
  paragraph(context) {
    if (context.flat) this.buffer += ' ';
    else this.flush();
    return { context, leave: () => { if (context.flat) this.buffer += ' '; else this.flush(); } };
  }

  // Whether it lies around the page's own text.
  isAround(tag, given, { sectioned }) {
    const word = groupWord(tag, given, sectioned);
    const what = word === null ? '' : word[0];
    if (what !== 'nav' && what !== 'aside' && what !== 'header' && what !== 'footer') return false;
    this.leave(what);
    return true;
  }

  special(node, tag, context) {
    switch (tag) {
      case 'input':
      case 'select':
      case 'textarea':
        this.leave('field');
        return null;
      case 'button':
        this.leave('button');
        return null;
      case 'iframe':
      case 'frame':
        if (this.frames.length < 20) this.frames.push({ ref: refOf(node), name: nameOf(node, tag, false), url: clean(attribute(node, 'src'), 200) });
        return null;
      case 'svg':
      case 'canvas':
      case 'video':
      case 'audio':
      case 'object':
      case 'embed':
        this.leave(tag === 'svg' ? 'drawing' : tag);
        return null;
      case 'img': {
        const name = clean(attribute(node, 'alt'), NAME_LETTERS);
        if (name === '') this.leave('picture without text');
        else this.buffer += ` ![${name}] `;
        return null;
      }
      case 'br':
        if (context.flat) this.buffer += ' ';
        else this.flush(true);
        return null;
      case 'hr':
        this.flush();
        this.block(['---']);
        return null;
      case 'a': return hasAttribute(node, 'href') && !context.link ? this.link(node, context) : undefined;
      case 'code':
      case 'kbd':
      case 'samp': return context.flat && context.code ? undefined : this.code(context);
      case 'pre':
        if (context.flat) return undefined;
        this.preformatted(node);
        return null;
      default: return undefined;
    }
  }

  link(node, context) {
    const before = this.buffer;
    this.buffer = '';
    const leave = () => {
      const label = this.buffer.trim() === '' ? clean(attribute(node, 'aria-label') ?? attribute(node, 'title'), NAME_LETTERS) : this.buffer;
      const lead = /^\s*/.exec(this.buffer)[0];
      const trail = /\s*$/.exec(this.buffer)[0];
      const address = addressOf(node);
      this.buffer = before + lead + (label.trim() === '' || address === '' ? label.trim() : `[${label.trim()}](${address})`) + trail;
    };
    return { context: { ...context, flat: true, link: true }, leave };
  }

  code(context) {
    const before = this.buffer;
    this.buffer = '';
    const leave = () => {
      const text = this.buffer.trim();
      const mark = text.includes('`') ? '``' : '`';
      this.buffer = before + (text === '' ? this.buffer : `${mark}${text}${mark}`);
    };
    return { context: { ...context, flat: true, code: true }, leave };
  }

  preformatted(node) {
    this.flush();
    const raw = isHtml(node) ? innerText(node) : textContent(node);
    const text = withoutSteering(start(raw, BLOCK_LETTERS).toWellFormed()).replace(/\r\n?|[\u2028\u2029]/g, '\n').replace(/^\n+|\s+$/g, '');
    if (text === '') return;
    const runs = text.match(/`{3,}/g) ?? [];
    const fence = '`'.repeat(Math.max(2, ...runs.map((run) => run.length)) + 1);
    const code = querySelector(node, 'code');
    const language = /\blang(?:uage)?-([\w+#-]{1,20})/.exec(attribute(code ?? node, 'class') ?? '')?.[1] ?? '';
    this.block([fence + language, ...text.split('\n'), fence]);
  }

  structure(node, tag, given, context) {
    const level = headingLevel(tag, given, node);
    if (level > 0 && !context.flat) return this.heading(level, context);
    if (context.flat && context.table === null) return undefined;
    switch (tag) {
      case 'ul':
      case 'ol':
      case 'menu':
        if (context.flat) return undefined;
        this.flush();
        return { context: { ...context, list: { ordered: tag === 'ol', next: tag === 'ol' ? node.start : 0 } }, leave: () => this.flush() };
      case 'li': return context.flat ? undefined : this.item(context);
      case 'blockquote': return context.flat ? undefined : this.within({ first: '> ', rest: '> ', used: false }, context);
      case 'dd': return context.flat ? undefined : this.within({ first: ': ', rest: '  ', used: false, list: true }, context);
      case 'table': return context.flat || given === 'presentation' || given === 'none' || querySelector(node, 'table') !== null ? undefined : this.table(context);
      case 'tr': return context.table === null ? undefined : this.tableRow(context);
      case 'td':
      case 'th': return context.table === null ? undefined : this.tableCell(context);
      default: return undefined;
    }
  }

  heading(level, context) {
    this.flush();
    const leave = () => {
      const text = clean(this.buffer, TEXT_LETTERS);
      this.buffer = '';
      if (text !== '') this.block([`${'#'.repeat(level)} ${text}`]);
    };
    return { context: { ...context, flat: true }, leave };
  }

  within(prefix, context) {
    this.flush();
    this.prefixes.push(prefix);
    return { context, leave: () => { this.flush(); this.prefixes.pop(); } };
  }

  item(context) {
    const { list } = context;
    let first = '- ';
    if (list?.ordered) {
      first = `${list.next}. `;
      list.next += 1;
    }
    return this.within({ first, rest: ' '.repeat(first.length), used: false, list: true }, context);
  }

  table(context) {
    this.flush();
    const table = { rows: [], cells: null };
    const leave = () => {
      this.buffer = '';
      const { rows } = table;
      if (rows.length === 0) return;
      const row = (cells) => `| ${cells.join(' | ')} |`;
      this.block([row(rows[0]), row(rows[0].map(() => '---')), ...rows.slice(1).map(row)]);
    };
    return { context: { ...context, flat: true, table }, leave };
  }

  tableRow({ table, ...context }) {
    this.buffer = '';
    table.cells = [];
    const leave = () => { if (table.cells.some((cell) => cell !== '')) table.rows.push(table.cells); };
    return { context: { ...context, table }, leave };
  }

  tableCell(context) {
    this.buffer = '';
    const leave = () => {
      context.table.cells?.push(clean(this.buffer, CELL_LETTERS).replaceAll('|', '\\|'));
      this.buffer = '';
    };
    return { context, leave };
  }
}

// Where a link leads: short if it stays on the site, '' if it leads nowhere by itself.
const addressOf = (node) => {
  if (!(node instanceof HTMLAnchorElement)) return '';
  const { href, origin, protocol } = node;
  if (protocol === 'javascript:' || href === '') return '';
  if (protocol === 'data:' || protocol === 'blob:') return protocol;
  const short = origin === location.origin && origin !== 'null' ? node.pathname + node.search + node.hash : href;
  return clean(short, 400).replaceAll('(', '%28').replaceAll(')', '%29').replaceAll(' ', '%20');
};

// The element with the page's own text, if the page says which it is.
const ownText = (page) => {
  const seen = (selector) => [...all(document, selector)].slice(0, 50).filter((element) => isRendered(element) && textContent(element).trim().length > 200);
  const [mains, articles] = [seen('main, [role=main]'), seen('article, [role=article]')];
  if (mains.length === 1) return mains[0];
  return mains.length === 0 && articles.length === 1 ? articles[0] : page;
};

const read = (request) => {
  const begun = now();
  const asked = request.ref !== undefined && request.ref !== null;
  const page = topOf(request.ref);
  if (page === null) return JSON.stringify(asked ? { dead: true } : { ...pageFacts(), text: '', from: 0, end: 0, total: 0, complete: true, leftOut: [], frames: [], milliseconds: 0 });
  const top = asked || request.whole ? page : ownText(page);
  const reader = new Reader({ whole: asked || request.whole, until: now() + request.milliseconds });
  if (top !== page) reader.leftOut[`everything outside ${localName(top) === 'main' || attribute(top, 'role') === 'main' ? 'main' : 'article'}`] = 1;
  reader.read(top);
  const text = masked(reader.lines.join('\n'));
  const from = Math.min(Math.max(0, request.from), text.length);
  const most = Math.max(1, Math.min(request.letters, Math.floor(request.bytes / 6)));
  let end = Math.min(text.length, from + most);
  if (end < text.length) {
    const border = text.lastIndexOf('\n', end - 1) + 1;
    if (border > from) end = border;
    else if (/[\uD800-\uDBFF]/.test(text[end - 1]) && end - from > 1) end -= 1;
  }
  return JSON.stringify({
    ...pageFacts(), text: text.slice(from, end).toWellFormed(), from, end, total: text.length, complete: reader.complete,
    leftOut: Object.entries(reader.leftOut), frames: reader.frames, next: nextNumber, milliseconds: Math.round(now() - begun),
  });
};
