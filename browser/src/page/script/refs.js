// References: the number that a node keeps while its document lives, and the way back from a number to the node.
//
// Numbers are given in rising order and never twice. The host says from where on, so that they are unique over the
// documents of a frame too. Bound to the node itself: a list that is drawn again gets new numbers, never a neighbour's.

const numberOf = new WeakMap();
const nodeOf = new Map();
let nextNumber = 1;
// Numbers of nodes that no longer exist are cleared out now and then: a feed may run for days.
const SWEEP_MIN = 20000;
let sweepAt = SWEEP_MIN;

const startAt = (number) => {
  if (Number.isSafeInteger(number) && number > nextNumber) nextNumber = number;
};

const refOf = (node) => {
  const known = numberOf.get(node);
  if (known !== undefined) return known;
  const number = nextNumber;
  nextNumber += 1;
  numberOf.set(node, number);
  nodeOf.set(number, new WeakRef(node));
  if (nodeOf.size > sweepAt) {
    for (const [old, kept] of nodeOf) if (kept.deref() === undefined) nodeOf.delete(old);
    sweepAt = Math.max(SWEEP_MIN, nodeOf.size * 2);
  }
  return number;
};

// The node of a number, or null if it is gone from the document or never was in it.
const nodeOfRef = (number) => {
  const node = nodeOf.get(number)?.deref();
  if (node === undefined) {
    nodeOf.delete(number);
    return null;
  }
  return isConnected(node) && ownerDocument(node) === document ? node : null;
};

// What a person acts on through that node: the field of a label that stands for it, else the node.
const fieldOfRef = (number) => {
  const node = nodeOfRef(number);
  return node instanceof HTMLLabelElement && node.control !== null ? node.control : node;
};
