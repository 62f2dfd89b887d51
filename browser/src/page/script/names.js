// What a thing is called: a sensible part of the rules for accessible names, and the visible text of a subtree.

const NAME_LETTERS = 150;
const NAME_NODES = 400;
const BLOCKS = new Set([
  'address', 'article', 'aside', 'blockquote', 'br', 'dd', 'details', 'div', 'dl', 'dt', 'fieldset', 'figcaption', 'figure', 'footer',
  'form', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'header', 'hr', 'li', 'main', 'nav', 'ol', 'p', 'pre', 'section', 'summary', 'table',
  'tbody', 'td', 'tfoot', 'th', 'thead', 'tr', 'ul',
]);
const NESTED = new Set(['group', 'menu', 'listbox', 'tree']);
const FIELDS = new Set(['input', 'select', 'textarea']);

const isDrawn = (element) => {
  if (isRendered(element, { visibilityProperty: true })) return true;
  return getComputedStyle(element).display === 'contents';
};

// The text that is drawn inside `top`, with the names of pictures, at most about `letters` long. Never what is in a field. It
// looks at `NAME_NODES` nodes and no more.
const textInside = (top, letters, withHidden = false) => {
  let text = '';
  let looked = 0;
  const stack = [];
  const open = (element) => {
    const [first, list] = drawnChildren(element);
    if (list !== null) stack.push({ node: null, list, at: 0 });
    else if (first !== null) stack.push({ node: first, list: null, at: 0 });
  };
  open(top);
  while (stack.length > 0 && text.length < letters * 2 && looked < NAME_NODES) {
    const entry = stack[stack.length - 1];
    if (entry.space === true) {
      text += ' ';
      stack.pop();
      continue;
    }
    let node;
    if (entry.list !== null) {
      node = entry.list[entry.at];
      entry.at += 1;
      if (entry.at >= entry.list.length) stack.pop();
    } else {
      node = entry.node;
      entry.node = nextSibling(node);
      if (entry.node === null) stack.pop();
    }
    looked += 1;
    const type = nodeType(node);
    if (type === TEXT) {
      text += start(nodeValue(node), letters * 4);
      continue;
    }
    if (type !== ELEMENT) continue;
    const tag = localName(node);
    if (SKIPPED.has(tag) || FIELDS.has(tag)) continue;
    // A branch of a tree is not part of the name of what it hangs on.
    if (NESTED.has(attribute(node, 'role') ?? '')) continue;
    if (!withHidden && (!isDrawn(node) || isOn(node, 'aria-hidden'))) continue;
    const label = attribute(node, 'aria-label') ?? (tag === 'img' ? attribute(node, 'alt') : null);
    if (label !== null && label.trim() !== '') {
      text += ` ${start(label, letters * 4)} `;
      continue;
    }
    if (tag === 'svg') {
      const title = querySelector(node, 'title');
      if (title !== null) text += ` ${textOnly(title, letters)} `;
      continue;
    }
    if (BLOCKS.has(tag) || (!withHidden && getComputedStyle(node).display !== 'inline')) {
      text += ' ';
      stack.push({ space: true });
    }
    open(node);
  }
  return saidOnce(clean(text, letters));
};

// A picture and the title beside it often say the same.
const saidOnce = (text) => {
  const middle = text.length >> 1;
  const isTwice = text.length % 2 === 1 && text[middle] === ' ' && text.slice(0, middle) === text.slice(middle + 1);
  return isTwice && middle > 2 ? text.slice(0, middle) : text;
};

// The text of the direct text nodes, as in a `<title>`.
const textOnly = (element, letters) => {
  let text = '';
  for (let node = firstChild(element); node !== null && text.length < letters; node = nextSibling(node)) {
    if (nodeType(node) === TEXT) text += start(nodeValue(node), letters);
  }
  return clean(text, letters);
};

// `aria-labelledby` is followed one step only, so labels that name each other end the search.
const labelledBy = (element, letters) => {
  const ids = attribute(element, 'aria-labelledby');
  if (ids === null) return '';
  const parts = [];
  for (const id of ids.slice(0, 1000).trim().split(/\s+/).slice(0, 8)) {
    const other = id === '' ? null : byId(element, id);
    if (other === null) continue;
    parts.push(clean(attribute(other, 'aria-label'), letters) || textInside(other, letters) || textInside(other, letters, true));
  }
  return clean(parts.join(' '), letters);
};

const labelText = (field, letters) => {
  const parts = [];
  for (const label of [...(field.labels ?? [])].slice(0, 4)) parts.push(textInside(label, letters));
  return clean(parts.join(' '), letters);
};

const isLabelable = (element) => element instanceof HTMLInputElement || element instanceof HTMLSelectElement
  || element instanceof HTMLTextAreaElement || element instanceof HTMLButtonElement || element instanceof HTMLMeterElement
  || element instanceof HTMLProgressElement || element instanceof HTMLOutputElement;

// The name of something that one acts on. `contents` says whether the text inside it may be its name.
const nameOf = (element, tag, contents, letters = NAME_LETTERS) => {
  const named = labelledBy(element, letters) || clean(attribute(element, 'aria-label'), letters);
  if (named !== '') return named;
  if (isLabelable(element)) {
    const label = labelText(element, letters);
    if (label !== '') return label;
  }
  if (tag === 'input') {
    const { type } = element;
    if (type === 'submit' || type === 'button' || type === 'reset') {
      const value = clean(element.value, letters);
      if (value !== '') return value;
      if (type !== 'button') return type === 'submit' ? 'Submit' : 'Reset';
    }
  }
  if (tag === 'img' || tag === 'area' || tag === 'input') {
    const alternative = clean(attribute(element, 'alt'), letters);
    if (alternative !== '') return alternative;
  }
  if (contents) {
    const inside = textInside(element, letters) || textInside(element, letters, true);
    if (inside !== '') return inside;
  }
  return clean(attribute(element, 'title'), letters)
    || clean(attribute(element, 'placeholder') ?? attribute(element, 'data-placeholder'), letters);
};

// The name of something that holds others: a label, a legend or a caption, never all its text.
const groupName = (element, tag) => {
  const named = labelledBy(element, NAME_LETTERS) || clean(attribute(element, 'aria-label'), NAME_LETTERS);
  if (named !== '' || (tag !== 'fieldset' && tag !== 'table')) return named;
  for (let node = firstChild(element); node !== null; node = nextSibling(node)) {
    if (nodeType(node) !== ELEMENT) continue;
    const own = localName(node);
    if (own === 'legend' || own === 'caption') return textInside(node, NAME_LETTERS);
  }
  return '';
};

// Something to tell nameless things apart by: what their makers call them.
const hintOf = (element, tag) => {
  const letters = 40;
  if (tag === 'a') {
    const address = clean(attribute(element, 'href'), letters);
    if (address !== '') return address;
  }
  const picture = querySelector(element, 'img[src], use');
  const source = picture === null ? null : (attribute(picture, 'src') ?? attribute(picture, 'href') ?? attribute(picture, 'xlink:href'));
  const candidates = [
    attribute(element, 'name'), attribute(element, 'id'), attribute(element, 'data-testid'),
    source === null ? null : source.slice(-200).split(/[?#]/, 1)[0].split('/').pop() || source.slice(-letters),
    (attribute(element, 'class') ?? '').slice(0, 200),
  ];
  for (const candidate of candidates) {
    const hint = clean(candidate, letters);
    if (hint !== '') return hint;
  }
  return '';
};
