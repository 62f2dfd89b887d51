// What the host may ask for. The name is our own property of the isolated world's global, so nothing in the page can stand for it.

const answerTo = (request) => {
  switch (request.question) {
    case 'look': return look(request);
    case 'find': return find(request);
    case 'read': return read(request);
    default: throw new Error('unknown question');
  }
};

// Before the answer stands how many elements are to be asked about, where there are some.
const answer = (request) => {
  startAt(request.first);
  refreshSecrets();
  const told = answerTo(request);
  return hostsToAsk.length > 0 ? `${hostsToAsk.length} ${told}` : told;
};

Object.defineProperty(globalThis, 'errandPage', {
  value: Object.freeze({
    // Answers a question with JSON as a string.
    answer,
    // The node of a number, or null.
    node: nodeOfRef,
    // The field that a person fills or switches through that node.
    field: fieldOfRef,
    // Makes a secret of the field that has the cursor, which a person fills.
    hideFocused,
    // What is in the fields that a person filled.
    personValues,
    // Makes a closed shadow root known, which only the debugger can hand in.
    adopt,
    // The elements that may have one.
    takeHosts,
  }),
});
