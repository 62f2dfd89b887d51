// What must never leave the page: the values of password fields and of fields for cards and codes.
//
// A field that ever was a password field stays one for us, so a "show password" switch shows nothing; and a value that such
// a field ever had is blotted out of any text that we give away.

const listen = caller(EventTarget, 'addEventListener');
const SECRET_COMPLETION = new Set([
  'current-password', 'new-password', 'one-time-code',
  'cc-number', 'cc-csc', 'cc-exp', 'cc-exp-month', 'cc-exp-year',
]);
const SECRETS_MAX = 200;
// A shorter value may be a word that the page uses for something else.
const MASKED_LETTERS_MIN = 4;
const MASK = '•••';

const secretNodes = new WeakSet();
let secretFields = [];
let secretValues = [];

const fieldValue = (field) => (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement ? field.value : '');

const keepSecret = (field) => {
  if (!secretNodes.has(field)) {
    secretNodes.add(field);
    secretFields.push(new WeakRef(field));
    if (secretFields.length > SECRETS_MAX) secretFields = secretFields.filter((kept) => kept.deref() !== undefined).slice(-SECRETS_MAX);
  }
  keepValue(fieldValue(field));
};

// A page may also put a value into an address, where it is spelt otherwise.
const keepValue = (value) => {
  if (value === '' || secretValues.includes(value)) return;
  const encoded = encodeURIComponent(value.toWellFormed());
  secretValues.push(value);
  for (const spelling of new Set([encoded, encoded.replaceAll('%20', '+')])) {
    if (!secretValues.includes(spelling)) secretValues.push(spelling);
  }
  // The longest first, so that a value inside another does not leave the rest of it standing.
  secretValues.sort((one, other) => other.length - one.length);
  while (secretValues.length > SECRETS_MAX) secretValues.pop();
};

// Whether a field's value is nobody's business.
const isSecret = (field) => {
  if (secretNodes.has(field)) return true;
  const completion = (attribute(field, 'autocomplete') ?? '').toLowerCase().split(/\s+/);
  const secret = (field instanceof HTMLInputElement && field.type === 'password')
    || completion.some((token) => SECRET_COMPLETION.has(token))
    || (getComputedStyle(field).webkitTextSecurity ?? 'none') !== 'none';
  if (secret) {
    keepSecret(field);
    return true;
  }
  // A framework may draw the switch by putting a new field in the old one's place.
  const value = fieldValue(field);
  return value !== '' && secretValues.includes(value);
};

// The field that has the cursor, also inside shadow roots; null where it is none.
const focusedField = () => {
  let element = activeInDocument(document);
  for (let inner = element; inner !== null; inner = shadowOf(inner) === null ? null : activeInShadow(shadowOf(inner))) element = inner;
  return element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement ? element : null;
};

// Fields that a person filled who had the page for a while, and their values now.
let personFields = [];
const hideFocused = () => {
  const field = focusedField();
  if (field === null) return false;
  keepSecret(field);
  if (!personFields.some((kept) => kept.deref() === field)) personFields.push(new WeakRef(field));
  return true;
};
const personValues = () => personFields.map((kept) => kept.deref()).filter((field) => field !== undefined).map(fieldValue);

const masked = (text) => {
  let line = text;
  for (const value of secretValues) {
    if (value.length < MASKED_LETTERS_MIN) break;
    if (line.includes(value)) line = line.replaceAll(value, MASK);
  }
  return line;
};

// Called before anything is read: a page may have filled or switched its fields since.
const refreshSecrets = () => {
  noteSwitches(watcher.takeRecords());
  for (const kept of secretFields) {
    const field = kept.deref();
    if (field !== undefined) keepValue(fieldValue(field));
  }
  for (const field of all(document, 'input[type=password i], [autocomplete*="cc-" i], [autocomplete*="password" i], [autocomplete*="one-time-code" i]')) {
    if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) isSecret(field);
  }
};

const noteSwitches = (records) => {
  for (const { target, oldValue } of records) {
    if (oldValue !== null && oldValue.toLowerCase() === 'password') keepSecret(target);
  }
};
const watcher = new MutationObserver(noteSwitches);
const watched = new WeakSet();
const watchSwitches = (root) => {
  if (watched.has(root)) return;
  watched.add(root);
  watcher.observe(root, { subtree: true, attributes: true, attributeFilter: ['type'], attributeOldValue: true });
};
watchSwitches(document);
// A value is kept when it is typed into a password field, also if the page empties or replaces the field before we look again.
listen(globalThis, 'change', (event) => {
  const [field] = event.composedPath();
  if ((field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) && isSecret(field)) keepSecret(field);
}, true);
