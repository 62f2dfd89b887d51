// Closed shadow roots: which elements may have one. Only the debugger can tell, so only a few are asked about, each once: elements of
// the page's own making, and boxes that are drawn although nothing is in them.

const HOSTS_MAX = 24;
const SHADOW_TAGS = new Set(['article', 'aside', 'div', 'footer', 'header', 'main', 'nav', 'p', 'section', 'span']);
// What is of one making has a closed root everywhere or nowhere, so a few tell it.
const SAME_MAX = 4;

const askedAbout = new WeakSet();
const askedOf = new Map();
let hostsToAsk = [];

// Notes an element that has no root as far as is known.
const noteHost = (element, place) => {
  const tag = localName(element);
  const isOwn = tag.includes('-');
  if (!isOwn && (firstChild(element) !== null || !SHADOW_TAGS.has(tag))) return;
  if (place === 'out' || hostsToAsk.length >= HOSTS_MAX || askedAbout.has(element)) return;
  if (isOwn) {
    const before = askedOf.get(tag) ?? 0;
    if (before >= SAME_MAX) return;
    askedOf.set(tag, before + 1);
  } else if (!hasSize(boxOf(element), 8)) {
    return;
  }
  askedAbout.add(element);
  hostsToAsk.push(element);
};

// Gives those that were noted, and forgets them.
const takeHosts = () => {
  const taken = hostsToAsk;
  hostsToAsk = [];
  return taken;
};

const adopt = (shadow) => {
  closedShadows.set(shadow.host, shadow);
  askedOf.set(localName(shadow.host), -Infinity);
  watchSwitches(shadow);
  return true;
};
