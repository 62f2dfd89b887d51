// The questions that are answered with lines: a look at what can be seen, and a search in all that is there.

const DOCUMENT_NAME = `${Math.round(performance.timeOrigin)}-${Math.random().toString(36).slice(2)}`;
const LINES_MAX = 1600;
const FOUND_LINES_MAX = 300000;
// A search looks further into a long text than a look shows of it.
const FOUND_LETTERS = 20000;

const windowBox = (seen) => {
  const whole = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
  if (!Array.isArray(seen)) return whole;
  const [left, top, width, height] = seen;
  return overlap({ left, top, right: left + width, bottom: top + height }, whole);
};

// Where a question is about: the node of a number, or the whole page. Null if that node is gone.
const topOf = (reference) => (reference === undefined || reference === null ? documentElement(document) : nodeOfRef(reference));

const pageFacts = () => {
  const top = documentElement(document);
  return {
    document: DOCUMENT_NAME,
    title: clean(documentTitle(document), NAME_LETTERS),
    url: clean(location.href, 400),
    scroll: [scrollX, scrollY].map(Math.round),
    page: top === null ? [0, 0] : [scrollWidth(top), scrollHeight(top)],
    window: [innerWidth, innerHeight],
  };
};

// The time is counted from when the page is laid out, which must be waited for in any case.
const walked = ({ everything, seen, milliseconds, linesMax, textLetters }, top) => {
  if (top !== null) boxOf(top);
  const walk = new Walk({ everything, clip: windowBox(seen), until: now() + milliseconds, linesMax, letters: textLetters });
  if (top !== null) walk.walk(top);
  return walk;
};

const look = (request) => {
  const begun = now();
  const top = topOf(request.ref);
  if (top === null && request.ref !== undefined && request.ref !== null) return JSON.stringify({ dead: true });
  const walk = walked({ ...request, everything: request.everything || top !== documentElement(document), linesMax: LINES_MAX }, top);
  if (walk.complete && top === documentElement(document)) walk.hiddenFileFields();
  const { cut } = walk;
  const lines = tellLines(finish(walk.lines), request.bytes, cut);
  const { above, below, beside } = walk.outside;
  const facts = {
    ...pageFacts(), outside: [above, below, beside], cut: [cut.lines, cut.actions], modal: walk.modal, complete: walk.complete,
    looked: walk.looked, next: nextNumber, milliseconds: Math.round(now() - begun),
  };
  return `${JSON.stringify(facts).slice(0, -1)},"lines":${lines}}`;
};

// Shortens a long text to what is around the hit.
const excerpt = (item, wanted) => {
  if (item.text === undefined || item.text.length <= TEXT_LETTERS) return;
  const at = wanted === '' ? -1 : item.text.toLowerCase().indexOf(wanted);
  const from = Math.max(0, Math.min(at - TEXT_LETTERS / 2, item.text.length - TEXT_LETTERS));
  item.text = `${from > 0 ? '…' : ''}${clean(item.text.slice(from), TEXT_LETTERS)}`;
};

// Above so many elements not even half of the time would suffice.
const LARGE_ELEMENTS = 12000;
const elementsNamed = caller(Document, 'getElementsByTagName');

const UNEVEN = /[^\S ]| {2}/;

const occurrences = (words, wanted) => (wanted === '' ? 0 : words.split(wanted).length - 1);

// Goes through the whole page line by line. Null if the time does not suffice.
const findByLines = (request, wanted) => {
  if (elementsNamed(document, '*').length > LARGE_ELEMENTS) return null;
  const walk = walked({ ...request, milliseconds: request.milliseconds / 2, everything: true, linesMax: FOUND_LINES_MAX, textLetters: FOUND_LETTERS }, documentElement(document));
  if (!walk.complete || walk.cut.lines > 0) return null;
  const lines = finish(walk.lines, FOUND_LETTERS);
  const counts = lines.map((line) => occurrences(wordsOf(line).toLowerCase(), wanted));
  const matching = [...counts.keys()].filter((at) => counts[at] > 0);
  const shown = new Set();
  for (const at of matching.slice(0, request.hits)) {
    for (let near = at - request.around; near <= at + request.around; near += 1) {
      if (near >= 0 && near < lines.length) shown.add(near);
    }
  }
  const numbers = [...shown].sort((one, other) => one - other);
  return {
    hits: counts.reduce((sum, count) => sum + count, 0), hitLines: matching.length, lineCount: lines.length, numbers,
    lines: numbers.map((number) => lines[number]), matching: numbers.filter((number) => counts[number] > 0), complete: true,
  };
};

// The box that a text is drawn in: what would be its line. Of a box that is larger than the window, the part that the text is in.
const lineBox = (text) => {
  let element = parentElement(text);
  let inner = element;
  for (let up = 0; up < 6 && element !== null; up += 1) {
    const tag = localName(element);
    if (tag === 'tr' || tag === 'li') return element;
    if (tag !== 'td' && !getComputedStyle(element).display.startsWith('inline')) break;
    inner = element;
    element = parentElement(element) ?? element;
  }
  const row = element === null ? null : parentElement(element);
  const line = row !== null && localName(row) === 'tr' ? row : element;
  return line !== null && boxOf(line).height > innerHeight ? inner : line;
};

const neighbour = (element, step) => {
  let other = step(element);
  for (let looked = 0; other !== null && !isElement(other) && looked < 5; looked += 1) other = step(other);
  return other !== null && isElement(other) ? other : null;
};

// On a page that is too large for that: searches its texts as they are written, and makes lines of the first boxes with a hit. A hit
// that is spread over several texts, or is in a name that is not drawn, is not found.
const findByTexts = (request, wanted, until) => {
  const [first] = wanted.split(' ');
  const texts = createTreeWalker(document, document, NodeFilter.SHOW_TEXT);
  const boxes = new Map();
  let [hits, hitLines, looked, complete] = [0, 0, 0, true];
  for (let text = texts.nextNode(); text !== null; text = texts.nextNode()) {
    looked += 1;
    if (looked % 256 === 0 && now() > until) {
      complete = false;
      break;
    }
    const value = nodeValue(text);
    // Most texts are told apart as they are, which costs the least.
    const lower = value.toLowerCase();
    if (!lower.includes(wanted) && !(lower.includes(first) && UNEVEN.test(lower))) continue;
    const count = occurrences(start(value, FOUND_LETTERS).replace(SPACES, ' ').toLowerCase(), wanted);
    const around = count === 0 ? null : parentElement(text);
    if (around === null || SKIPPED.has(localName(around)) || !isRendered(around, { visibilityProperty: true })) continue;
    hits += count;
    hitLines += 1;
    const box = boxes.size < request.hits ? lineBox(text) : null;
    if (box !== null) boxes.set(box, true);
  }
  const tops = new Set();
  for (const box of boxes.keys()) {
    for (const top of request.around > 0 ? [neighbour(box, previousSibling), box, neighbour(box, nextSibling)] : [box]) if (top !== null) tops.add(top);
  }
  const walk = new Walk({ everything: true, clip: windowBox(), until: until + 300, linesMax: 400, letters: FOUND_LETTERS });
  for (const top of tops) {
    walk.run = null;
    walk.walk(top);
  }
  const lines = finish(walk.lines, FOUND_LETTERS);
  const numbers = [...lines.keys()];
  return { hits, hitLines, lineCount: 0, numbers, lines, matching: numbers.filter((number) => occurrences(wordsOf(lines[number]).toLowerCase(), wanted) > 0), complete };
};

const find = (request) => {
  const begun = now();
  const asked = clean(request.text, 400).toLowerCase();
  // Whoever looks for a secret must not learn by a hit that it is there.
  const wanted = asked.includes(MASK) ? '' : asked;
  const { lines, ...found } = findByLines(request, wanted) ?? findByTexts(request, wanted, begun + request.milliseconds);
  for (const line of lines) for (const item of itemsOf(line)) excerpt(item, wanted);
  const told = tellLines(lines, request.bytes, { lines: 0, actions: 0 });
  const facts = { ...pageFacts(), ...found, next: nextNumber, milliseconds: Math.round(now() - begun) };
  return `${JSON.stringify(facts).slice(0, -1)},"lines":${told}}`;
};
