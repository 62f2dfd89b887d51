// The only way these scripts touch the page's tree: through the browser's own accessors, and with text made harmless.
//
// A form's fields and a document's named elements hide properties of the same name (`<input name="parentNode">`), also in
// our isolated world. So nothing here reads `node.parentNode`: the accessors are taken from the prototypes once.

const reader = (type, name) => {
  const { get } = Object.getOwnPropertyDescriptor(type.prototype, name);
  return (node) => get.call(node);
};
const caller = (type, name) => {
  const method = type.prototype[name];
  return (node, ...rest) => method.apply(node, rest);
};

const nodeType = reader(Node, 'nodeType');
const nodeValue = reader(Node, 'nodeValue');
const isConnected = reader(Node, 'isConnected');
const ownerDocument = reader(Node, 'ownerDocument');
const firstChild = reader(Node, 'firstChild');
const nextSibling = reader(Node, 'nextSibling');
const previousSibling = reader(Node, 'previousSibling');
const parentNode = reader(Node, 'parentNode');
const rootOf = caller(Node, 'getRootNode');
const localName = reader(Element, 'localName');
const attribute = caller(Element, 'getAttribute');
const hasAttribute = caller(Element, 'hasAttribute');
const matches = caller(Element, 'matches');
const querySelector = caller(Element, 'querySelector');
const boxOf = caller(Element, 'getBoundingClientRect');
const isRendered = caller(Element, 'checkVisibility');
const openShadow = reader(Element, 'shadowRoot');
const scrollHeight = reader(Element, 'scrollHeight');
const scrollWidth = reader(Element, 'scrollWidth');
const scrollTop = reader(Element, 'scrollTop');
const clientHeight = reader(Element, 'clientHeight');
const clientWidth = reader(Element, 'clientWidth');
const isContentEditable = reader(HTMLElement, 'isContentEditable');
const documentElement = reader(Document, 'documentElement');
const documentBody = reader(Document, 'body');
const documentTitle = reader(Document, 'title');
const activeInDocument = reader(Document, 'activeElement');
const activeInShadow = reader(ShadowRoot, 'activeElement');
const byIdInDocument = caller(Document, 'getElementById');
const byIdInFragment = caller(DocumentFragment, 'getElementById');
const createRange = caller(Document, 'createRange');
const createTreeWalker = caller(Document, 'createTreeWalker');
const allInDocument = caller(Document, 'querySelectorAll');
const allInFragment = caller(DocumentFragment, 'querySelectorAll');
const allInElement = caller(Element, 'querySelectorAll');

const ELEMENT = 1;
const TEXT = 3;
const DOCUMENT = 9;
const FRAGMENT = 11;

const isElement = (node) => nodeType(node) === ELEMENT;
const isHtml = (node) => node instanceof HTMLElement;
const all = (root, selector) => {
  const type = nodeType(root);
  const query = type === DOCUMENT ? allInDocument : type === FRAGMENT ? allInFragment : allInElement;
  return query(root, selector);
};

// Closed shadow roots that the driver found, by host. The page cannot give them to us, the debugger can.
const closedShadows = new WeakMap();
const shadowOf = (element) => openShadow(element) ?? closedShadows.get(element) ?? null;

// The element around a node as it is drawn: a shadow root's is its host.
const parentElement = (node) => {
  const parent = parentNode(node);
  if (parent === null) return null;
  if (nodeType(parent) === ELEMENT) return parent;
  return nodeType(parent) === FRAGMENT && parent instanceof ShadowRoot ? parent.host : null;
};

// What is drawn inside an element, in order: either `[first child, null]`, to be followed by its siblings, or `[null, list]`.
const drawnChildren = (element) => {
  const shadow = shadowOf(element);
  if (shadow !== null) return [firstChild(shadow), null];
  if (element instanceof HTMLSlotElement) {
    const assigned = element.assignedNodes();
    if (assigned.length > 0) return [null, assigned];
  }
  return [firstChild(element), null];
};

// The element of that id in the same tree as `node`.
const byId = (node, id) => {
  const root = rootOf(node);
  if (nodeType(root) === DOCUMENT) return byIdInDocument(root, id);
  return nodeType(root) === FRAGMENT ? byIdInFragment(root, id) : null;
};

// Invisible and steering characters: controls, zero-width, bidirectional, tags, private use, lone surrogates, and blanks that are
// letters by name only. A joiner stays where scripts need it: between two visible characters that are not ASCII.
const STEERING = /[\p{C}\p{Zl}\p{Zp}\u115F\u1160\u2800\u3164\uFFA0\u{1D159}]/gu;
const JOINABLE = /[^\x00-\x7F\s\p{C}]/u;
const SPACES = /\s+/g;
const STACKED_MARKS = /(\p{M}{3})\p{M}+/gu;
const PLAIN = /^[\x20-\x7E]*$/;

const withoutSteering = (text) => text.replace(STEERING, (found, at, whole) => {
  if (found === '\u200C' || found === '\u200D') {
    const joins = JOINABLE.test(whole.slice(Math.max(0, at - 2), at)) && JOINABLE.test(whole.slice(at + 1, at + 3));
    return joins ? found : '';
  }
  return found === '\n' || found === '\t' || found === '\r' || found === '\u2028' || found === '\u2029' ? found : '';
});

// The start of a text. Secrets are blotted out first, with some room to see one that the cut would halve.
const start = (text, letters) => masked(text.slice(0, letters + 256)).slice(0, letters);

// One line of harmless text, at most `letters` long. What a page writes is cut before it is looked at, so a name of a
// megabyte costs no more than its beginning.
const clean = (text, letters) => {
  if (text === null || text === undefined || text === '') return '';
  let line = String(text);
  const cutEarly = line.length > letters * 4 + 64;
  line = cutEarly ? start(line, letters * 4 + 64) : masked(line);
  if (!PLAIN.test(line)) line = withoutSteering(line.toWellFormed()).replace(STACKED_MARKS, '$1');
  line = line.replace(SPACES, ' ').trim();
  if (line.length <= letters) return cutEarly ? `${line}…` : line;
  return `${line.slice(0, letters).toWellFormed().replace(/\uFFFD$/, '').trimEnd()}…`;
};
