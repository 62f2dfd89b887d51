// References: the number that a node keeps while its document lives, and the way back from a number to the node.
//
// Numbers are given in rising order and never twice. The host says from where on, so that they are unique over the
// documents of a frame too. Bound to the node itself: a list that is drawn again gets new numbers, never a neighbour's.

const numberOf = new WeakMap();
const nodeOf = new Map();
let nextNumber = 1;

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
