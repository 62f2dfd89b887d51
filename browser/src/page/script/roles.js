// What a thing is: its role, whether one acts on it, and the states that matter for acting.

const INPUT_ROLES = {
  button: 'button', submit: 'button', reset: 'button', image: 'button', checkbox: 'checkbox', radio: 'radio', range: 'slider',
  search: 'searchbox', email: 'email', tel: 'tel', url: 'url', number: 'number', password: 'password', date: 'date',
  'datetime-local': 'datetime', month: 'month', week: 'week', time: 'time', color: 'color', file: 'file',
};
// Roles that one acts on. A role that a page gives counts like the element that has it by nature.
const ACTION_ROLES = new Set([
  'button', 'link', 'checkbox', 'radio', 'switch', 'tab', 'menuitem', 'menuitemcheckbox', 'menuitemradio', 'option', 'treeitem',
  'textbox', 'searchbox', 'combobox', 'spinbutton', 'slider',
]);
// Roles that hold others. The value is our word for it; those of the second list only appear when the page names them.
const GROUP_ROLES = {
  dialog: 'dialog', alertdialog: 'dialog', navigation: 'nav', main: 'main', banner: 'header', contentinfo: 'footer',
  complementary: 'aside', search: 'search', form: 'form', menu: 'menu', menubar: 'menubar', listbox: 'listbox', tree: 'tree',
  tablist: 'tabs', radiogroup: 'radiogroup', alert: 'alert', status: 'status', log: 'log', table: 'table', grid: 'table',
  treegrid: 'table',
};
const NAMED_GROUP_ROLES = { group: 'group', region: 'region', tabpanel: 'tabpanel', toolbar: 'toolbar', article: 'article', feed: 'feed', list: 'list' };
const GROUP_TAGS = {
  nav: 'navigation', main: 'main', aside: 'complementary', form: 'form', dialog: 'dialog', table: 'table', fieldset: 'group',
  section: 'region', article: 'article', menu: 'list', ul: 'list', ol: 'list', search: 'search',
};
const SKIPPED = new Set([
  'script', 'style', 'noscript', 'template', 'head', 'meta', 'link', 'title', 'base', 'datalist', 'option', 'optgroup', 'defs', 'desc',
  'metadata', 'symbol', 'clippath', 'mask', 'lineargradient', 'radialgradient', 'source', 'track', 'param', 'noembed', 'noframes', 'rp',
]);
const SECTIONS = new Set(['article', 'section', 'main', 'aside', 'nav']);

const givenRole = (element) => {
  const given = attribute(element, 'role');
  return given === null ? '' : given.trim().toLowerCase().split(/\s+/, 1)[0];
};

// The role of something that one acts on by its nature or by the role that the page gives it; '' for anything else.
const actionRole = (element, tag, given) => {
  switch (tag) {
    case 'input': {
      const type = element.type;
      if (type === 'hidden') return '';
      // A field stays what is typed into, whatever the page calls it; a button or box may be a switch or a tab.
      const own = INPUT_ROLES[type] ?? 'textbox';
      const mayChange = own === 'button' || own === 'checkbox' || own === 'radio' || own === 'textbox';
      return mayChange && ACTION_ROLES.has(given) ? given : own;
    }
    case 'select': return element.multiple || element.size > 1 ? 'multiselect' : 'select';
    case 'textarea': return ACTION_ROLES.has(given) ? given : 'textbox';
    case 'button': return ACTION_ROLES.has(given) ? given : 'button';
    case 'summary': return 'disclosure';
    case 'a':
    case 'area':
      if (ACTION_ROLES.has(given)) return given;
      return hasAttribute(element, 'href') || hasAttribute(element, 'xlink:href') ? 'link' : '';
    case 'iframe':
    case 'frame': return 'frame';
    case 'canvas': return 'canvas';
    case 'video':
    case 'audio': return tag;
    case 'object':
    case 'embed': return 'embedded';
    default:
  }
  if (ACTION_ROLES.has(given)) return given;
  if (hasAttribute(element, 'contenteditable') && isHtml(element) && isContentEditable(element)) {
    const around = parentElement(element);
    if (around === null || !isHtml(around) || !isContentEditable(around)) return 'editor';
  }
  return '';
};

// Whether the page lets one click or focus it although it has no role for that. How the pointer looks over it is judged apart,
// because that costs more to find out.
const seemsClickable = (element, tag) => {
  if (tag === 'html' || tag === 'body') return false;
  if (hasAttribute(element, 'onclick') || hasAttribute(element, 'onmousedown')) return true;
  const order = attribute(element, 'tabindex');
  return order !== null && Number.parseInt(order, 10) >= 0;
};

const headingLevel = (tag, given, element) => {
  if (given === 'heading') return Math.min(6, Math.max(1, Number.parseInt(attribute(element, 'aria-level') ?? '2', 10) || 2));
  return given === '' && tag.length === 2 && tag[0] === 'h' && tag[1] >= '1' && tag[1] <= '6' ? Number(tag[1]) : 0;
};

// `[word, only if named]` of something that holds others, or null.
const groupWord = (tag, given, sectioned) => {
  let role = given;
  if (role === '') {
    role = GROUP_TAGS[tag] ?? '';
    if ((tag === 'header' || tag === 'footer') && !sectioned) role = tag === 'header' ? 'banner' : 'contentinfo';
  }
  if (Object.hasOwn(GROUP_ROLES, role)) return [GROUP_ROLES[role], false];
  return Object.hasOwn(NAMED_GROUP_ROLES, role) ? [NAMED_GROUP_ROLES[role], true] : null;
};

const isModal = (element, tag, given) => {
  if (tag === 'dialog') return matches(element, ':modal') || attribute(element, 'aria-modal') === 'true';
  return attribute(element, 'aria-modal') === 'true' && (given === 'dialog' || given === 'alertdialog');
};

const isOn = (element, name) => attribute(element, name)?.trim().toLowerCase() === 'true';

// The states of a thing, as words. `field` is what bears them; of a label that stands for a hidden box, that box.
const statesOf = (field, tag, context) => {
  const states = [];
  const own = field instanceof HTMLInputElement || field instanceof HTMLSelectElement || field instanceof HTMLTextAreaElement;
  if (isOn(field, 'aria-disabled') || matches(field, ':disabled')) states.push('disabled');
  if ((own && field.required) || isOn(field, 'aria-required')) states.push('required');
  if ((own && field.readOnly === true && matches(field, ':read-only')) || isOn(field, 'aria-readonly')) states.push('readonly');
  const checked = attribute(field, 'aria-checked');
  if (field instanceof HTMLInputElement && (field.type === 'checkbox' || field.type === 'radio')) {
    if (field.indeterminate) states.push('mixed');
    else if (field.checked) states.push('checked');
  } else if (checked === 'true') states.push('checked');
  else if (checked === 'mixed') states.push('mixed');
  if (isOn(field, 'aria-selected')) states.push('selected');
  if (isOn(field, 'aria-pressed')) states.push('pressed');
  const expanded = tag === 'summary' && parentElement(field) instanceof HTMLDetailsElement
    ? String(parentElement(field).open) : attribute(field, 'aria-expanded');
  if (expanded === 'true') states.push('expanded');
  else if (expanded === 'false') states.push('collapsed');
  const invalid = attribute(field, 'aria-invalid');
  if ((invalid !== null && invalid !== '' && invalid !== 'false') || matches(field, ':user-invalid')) states.push('invalid');
  const current = attribute(field, 'aria-current');
  if (current !== null && current !== '' && current !== 'false') states.push('current');
  if (hasAttribute(field, 'aria-haspopup') && !isOn(field, 'aria-expanded') && attribute(field, 'aria-haspopup') !== 'false') states.push('popup');
  if (matches(field, ':focus')) states.push('focused');
  if (context.inert) states.push('inert');
  if (context.ariaHidden) states.push('aria-hidden');
  return states;
};
