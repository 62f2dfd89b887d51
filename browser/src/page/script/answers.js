// From a walk's lines to the JSON that leaves the page: text made harmless, numbers given, and the size kept in bounds.

const ASCII = /^[\x00-\x7F]*$/;
// JSON's text as UTF-8 has at most three bytes a letter of JavaScript.
const bytesOf = (json) => (ASCII.test(json) ? json.length : json.length * 3);

const finishItems = (items, letters) => {
  const kept = [];
  for (const item of items) {
    if (item.text === undefined) {
      kept.push(item);
      continue;
    }
    const text = clean(item.text, letters);
    if (text !== '') kept.push({ text });
  }
  return kept;
};

const itemsOf = (line) => {
  const items = line.cells === undefined ? line.items ?? [] : line.cells.flat();
  return line.head ? [line.head, ...items] : items;
};

// Cleans the lines, and drops those that say nothing: empty runs and rows, groups with nothing in them, and pictures that only
// repeat their neighbour.
const finish = (lines, letters = TEXT_LETTERS) => {
  for (const line of lines) {
    if (line.cells !== undefined) line.cells = line.cells.map((cell) => finishItems(cell, letters)).filter((cell) => cell.length > 0);
    else if (line.items !== undefined) line.items = finishItems(line.items, letters);
  }
  const kept = [];
  let deeper = -1;
  for (let at = lines.length - 1; at >= 0; at -= 1) {
    const line = lines[at];
    const { head } = line;
    if (line.kind === 'group') {
      const stands = deeper > line.depth || head.node !== undefined || head.extra.length > 0;
      if (!stands) continue;
    } else if (itemsOf(line).length === 0) continue;
    kept.push(line);
    deeper = line.depth;
  }
  kept.reverse();
  return kept.filter((line, at) => !repeatsNeighbour(line, kept[at - 1], kept[at + 1]));
};

const repeatsNeighbour = (line, before, after) => {
  if (line.kind !== 'run' || line.items.length !== 1 || line.items[0].role !== 'image' || line.items[0].node !== undefined) return false;
  const { name } = line.items[0];
  return [before, after].some((other) => other !== undefined && itemsOf(other).some((item) => (item.text ?? item.name) === name));
};

// What leaves the page of an item. Only here does a node get its number: what is not told of needs none.
const told = (item) => {
  if (item.text !== undefined) return { text: item.text };
  const { node, area, states, extra, name, hint, ...rest } = item;
  const out = { role: item.role };
  if (node !== undefined) out.ref = refOf(node);
  if (name) out.name = name;
  else if (hint) out.hint = hint;
  // Asked only now, because it costs much and most of what a search walks over is never told.
  const words = [...(states?.() ?? []), ...(extra ?? [])];
  if (words.length > 0) out.states = words;
  if (area !== undefined) {
    out.scroll = [scrollTop(area.node), scrollHeight(area.node) - clientHeight(area.node) - scrollTop(area.node), area.above, area.below].map(Math.round);
  }
  return Object.assign(out, { ...rest });
};

const toldLine = (line) => {
  const out = { kind: line.kind, depth: Math.min(line.depth, 1000) };
  if (line.level !== undefined) out.level = line.level;
  if (line.modal) out.modal = true;
  if (line.head) out.head = told(line.head);
  if (line.cells !== undefined) out.cells = line.cells.map((cell) => cell.map(told));
  else if (line.items !== undefined) out.items = line.items.map(told);
  if (line.more) out.more = line.more;
  return out;
};

// As many of the lines as fit into so many bytes, as JSON, and what was left out.
const tellLines = (lines, bytesMax, cut) => {
  const parts = [];
  let bytes = 0;
  for (let at = 0; at < lines.length; at += 1) {
    const json = JSON.stringify(toldLine(lines[at]));
    bytes += bytesOf(json) + 1;
    if (bytes > bytesMax) {
      cut.lines += lines.length - at;
      for (const line of lines.slice(at)) cut.actions += itemsOf(line).filter((item) => item.node !== undefined).length;
      break;
    }
    parts.push(json);
  }
  return `[${parts.join(',')}]`;
};

// The plain words of a line, for finding.
const wordsOf = (line) => itemsOf(line)
  .map((item) => item.text ?? `${item.name ?? ''} ${item.value ?? ''}`)
  .join(' ')
  .replace(SPACES, ' ')
  .trim();
