// The page: views, login, the editor with its completions, docs and history.
import { ask, send, subscribe } from './client.js';
import { complete, INTROSPECTION, kindOf, nameOf, operations, read, typeText, words } from './language.js';
import { watch } from './live.js';

const $ = (id) => document.getElementById(id);
const MAX_HISTORY = 50, MAX_ANSWERS = 200;
const FIRST = `# Ctrl Space completes from the schema, Ctrl Enter runs what the caret is in.
query Products {
  products(first: 10) {
    nodes { id name price currency }
  }
}
`;

function load(key, otherwise) {
  try { return JSON.parse(localStorage.getItem(key)) ?? otherwise; } catch { return otherwise; }
}
function save(key, value) {
  try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* the page works without */ }
}

function tell(text, bad = false) {
  $('notice').textContent = text;
  $('notice').className = bad ? 'bad' : '';
}

// ---- views

const tabs = [...document.querySelectorAll('[role=tab]')];
function select(tab) {
  for (const t of tabs) {
    t.setAttribute('aria-selected', t === tab);
    t.tabIndex = t === tab ? 0 : -1;
    $(t.getAttribute('aria-controls')).hidden = t !== tab;
  }
  tell('');
}
for (const tab of tabs) tab.onclick = () => select(tab);
$('views').onkeydown = (e) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
  if (!step) return;
  const tab = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  select(tab);
  tab.focus();
};

// ---- login: the token lives as long as the tab

let session = null;
// Nobody is logged in by a token that has expired meanwhile.
function current() {
  if (session && Date.parse(session.expiresAt) <= Date.now()) {
    setSession(null);
    tell('The login has expired.', true);
  }
  return session;
}
try { session = JSON.parse(sessionStorage.getItem('session')); } catch { /* no storage */ }
function setSession(value) {
  session = value;
  try { sessionStorage.setItem('session', JSON.stringify(value)); } catch { /* no storage */ }
  $('login').hidden = !!session;
  $('user').hidden = !session;
  $('who').textContent = session?.user.email ?? '';
}
// The focus stays where the form was.
function changeSession(value) {
  setSession(value);
  (session ? $('logout') : $('login').elements.email).focus();
}
async function logIn() {
  const { email, password } = Object.fromEntries(new FormData($('login')));
  changeSession(await ask(`mutation ($email: String!, $password: String!) {
    login(email: $email, password: $password) { token expiresAt user { id email } } }`, { email, password }));
  $('login').reset();
  tell(`Logged in; the token goes with every request until ${new Date(session.expiresAt).toLocaleString()}.`);
}
$('login').onsubmit = (e) => {
  e.preventDefault();
  logIn().catch((error) => tell(error.message, true));
};
$('register').onclick = () => {
  if (!$('login').reportValidity()) return;
  const { email, password } = Object.fromEntries(new FormData($('login')));
  ask(`mutation ($email: String!, $password: String!) {
    register(email: $email, password: $password) { id } }`, { email, password })
    .then(logIn).catch((error) => tell(error.message, true));
};
$('logout').onclick = () => { changeSession(null); tell('Logged out.'); };

// ---- the editor

const query = $('query');
function paint() {
  const text = query.value, out = document.createDocumentFragment();
  let at = 0;
  for (const word of words(text)) {
    out.append(text.slice(at, word.at));
    const span = document.createElement('span');
    span.className = kindOf(word.text);
    span.textContent = word.text;
    out.append(span);
    at = word.at + word.text.length;
  }
  out.append(`${text.slice(at)}\n`);
  $('paint').replaceChildren(out);
  query.onscroll();
}
query.onscroll = () => {
  $('paint').scrollTop = query.scrollTop;
  $('paint').scrollLeft = query.scrollLeft;
};

let stopRunning = null;
function setRunning(stop) {
  stopRunning = stop;
  $('stop').hidden = !stop;
}
$('stop').onclick = () => stopRunning?.();

function readJson(id) {
  const text = $(id).value.trim();
  if (!text) return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${id} are not JSON: ${error.message}`);
  }
}

function chosen() {
  const all = operations(query.value), caret = query.selectionStart;
  return all.find((o) => caret >= o.from && caret <= (o.to ?? Infinity)) ?? all[0];
}

function settle(text, bad = false) {
  $('outcome').textContent = text;
  $('outcome').className = bad ? 'bad' : '';
}

function runSubscription(request) {
  const answers = [];
  settle('listening…');
  setRunning(subscribe(request, current()?.token, {
    next: (answer) => {
      answers.unshift(`// ${new Date().toISOString()}\n${JSON.stringify(answer, null, 2)}`);
      answers.length = Math.min(answers.length, MAX_ANSWERS);
      $('answer').textContent = answers.join('\n\n');
    },
    end: (why) => {
      settle(why ?? 'ended', why);
      setRunning(null);
    },
  }));
}

async function runOnce(request, headers) {
  const { status, ms, body } = await send(request,
    { ...(current() && { authorization: `Bearer ${session.token}` }), ...headers });
  $('answer').textContent = JSON.stringify(body, null, 2);
  const wrong = body.errors?.length ?? 0;
  settle(`${status}, ${Math.round(ms)} ms${wrong ? `, ${wrong} error${wrong > 1 ? 's' : ''}` : ''}`, wrong);
}

async function run() {
  stopRunning?.();
  $('answer').textContent = '';
  settle('');
  tell('');
  try {
    const operation = chosen();
    const request = { query: query.value, operationName: operation?.name, variables: readJson('variables') };
    const headers = readJson('headers');
    remember();
    if (operation?.kind === 'subscription') runSubscription(request);
    else await runOnce(request, headers);
  } catch (error) {
    tell(error.message, true);
  }
}
$('run').onclick = run;

// ---- completions

let schema = null, choices = null, at = 0;
function hideChoices() {
  choices = null;
  $('choices').hidden = true;
  query.removeAttribute('aria-activedescendant');
}

function mark(i) {
  const items = [...$('choices').children];
  at = (i + items.length) % items.length;
  items.forEach((item, k) => item.setAttribute('aria-selected', k === at));
  items[at].scrollIntoView({ block: 'nearest' });
  query.setAttribute('aria-activedescendant', items[at].id);
}

function take(item) {
  query.setRangeText(item.label, choices.from, query.selectionStart, 'end');
  hideChoices();
  paint();
  query.focus();
}

// Letters are as wide as each other, so the caret's place can be counted.
function placeChoices(from) {
  const lines = query.value.slice(0, from).split('\n'), style = getComputedStyle(query);
  const canvas = placeChoices.canvas ??= document.createElement('canvas').getContext('2d');
  canvas.font = style.font;
  const wide = canvas.measureText('m').width * lines.at(-1).length;
  const list = $('choices').style;
  list.left = `${Math.max(0, Math.min(8 + wide - query.scrollLeft, query.clientWidth - 240))}px`;
  list.top = `${8 + lines.length * parseFloat(style.lineHeight) - query.scrollTop}px`;
}

function showChoices() {
  if (!schema) return;
  choices = complete(schema, query.value, query.selectionStart);
  if (!choices.items.length) { hideChoices(); return; }
  $('choices').replaceChildren(...choices.items.slice(0, 100).map((item, i) => {
    const li = document.createElement('li');
    li.id = `choice-${i}`;
    li.role = 'option';
    li.title = item.doc ?? '';
    li.append(item.label);
    const small = document.createElement('small');
    small.textContent = item.detail ?? '';
    li.append(small);
    li.onmousedown = (e) => { e.preventDefault(); take(item); };
    return li;
  }));
  $('choices').hidden = false;
  placeChoices(choices.from);
  mark(0);
}

query.oninput = () => {
  paint();
  save('query', query.value);
  if (choices) showChoices();
};
query.onblur = hideChoices;
query.onkeydown = (e) => {
  if (e.ctrlKey && e.key === ' ') { e.preventDefault(); showChoices(); return; }
  if (!choices) return;
  const moves = { ArrowDown: () => mark(at + 1), ArrowUp: () => mark(at - 1),
    Enter: () => take(choices.items[at]), Tab: () => take(choices.items[at]), Escape: hideChoices };
  if (e.ctrlKey || !moves[e.key]) return;
  e.preventDefault();
  e.stopPropagation();
  moves[e.key]();
};
$('complete').onclick = () => { query.focus(); showChoices(); };
document.addEventListener('keydown', (e) => {
  if ((e.ctrlKey || e.metaKey) && e.key === 'Enter' && !$('editor').hidden) { e.preventDefault(); run(); }
});

// ---- docs

let trail = [];
function link(name) {
  const button = document.createElement('button');
  button.className = 'link';
  button.textContent = name;
  button.onclick = () => visit(name);
  return button;
}

// Text with the type's name as a link in it.
function withLink(before, type, after = '') {
  const [head, tail] = typeText(type).split(nameOf(type));
  return [before + head, link(nameOf(type)), tail + after];
}

function describeField(list, owner, field) {
  const dt = document.createElement('dt'), dd = document.createElement('dd');
  dt.append(owner ? `${owner}.${field.name}` : field.name);
  if (field.args?.length) {
    dt.append('(');
    field.args.forEach((a, i) => dt.append(...withLink(`${i ? ', ' : ''}${a.name}: `, a.type,
      a.defaultValue ? ` = ${a.defaultValue}` : '')));
    dt.append(')');
  }
  if (field.type) dt.append(...withLink(': ', field.type));
  dd.textContent = (field.isDeprecated ? `Deprecated: ${field.deprecationReason} ` : '') + (field.description ?? '');
  list.append(dt, dd);
}

function describeType(type) {
  const title = document.createElement('h2'), about = document.createElement('p'), list = document.createElement('dl');
  title.textContent = `${type.kind.toLowerCase().replaceAll('_', ' ')} ${type.name}`;
  about.textContent = type.description ?? '';
  for (const field of type.fields ?? type.inputFields ?? type.enumValues ?? []) describeField(list, '', field);
  for (const possible of type.fields ? [] : type.possibleTypes ?? []) list.append(link(possible.name));
  $('docs').replaceChildren(title, about, list);
}

function describeRoots() {
  const list = document.createElement('dl');
  const all = schema.types.filter((t) => !t.name.startsWith('__')).map((t) => t.name).sort();
  const roots = [schema.queryType, schema.mutationType, schema.subscriptionType].filter(Boolean).map((t) => t.name);
  for (const [title, names] of [['Roots', roots], ['All types', all.filter((n) => !roots.includes(n))]]) {
    const dt = document.createElement('dt'), dd = document.createElement('dd');
    dt.textContent = title;
    names.forEach((name, i) => dd.append(i ? ', ' : '', link(name)));
    list.append(dt, dd);
  }
  $('docs').replaceChildren(list);
}

function visit(name) {
  const known = trail.indexOf(name);
  trail = known >= 0 ? trail.slice(0, known + 1) : name ? [...trail, name] : [];
  const home = link('Schema');
  home.onclick = () => visit('');
  $('trail').replaceChildren(home, ...trail.map(link));
  if (name) describeType(schema.byName.get(name)); else describeRoots();
}

$('search').oninput = () => {
  const wanted = $('search').value.trim().toLowerCase(), list = document.createElement('dl');
  if (!schema || !wanted) { if (schema) visit(''); return; }
  for (const type of schema.types.filter((t) => !t.name.startsWith('__'))) {
    if (type.name.toLowerCase().includes(wanted)) list.append(link(type.name), ' ');
    for (const field of type.fields ?? type.inputFields ?? [])
      if (field.name.toLowerCase().includes(wanted)) describeField(list, type.name, field);
  }
  $('docs').replaceChildren(list);
};

// ---- history

let history = load('history', []);
function showHistory() {
  $('history').replaceChildren(...history.map((entry) => {
    const li = document.createElement('li'), button = document.createElement('button');
    button.textContent = entry.query.replace(/#[^\n]*/g, '').replace(/\s+/g, ' ').trim();
    button.title = new Date(entry.at).toLocaleString();
    button.onclick = () => {
      query.value = entry.query;
      $('variables').value = entry.variables;
      save('query', entry.query);
      save('variables', entry.variables);
      paint();
      query.focus();
    };
    li.append(button);
    return li;
  }));
}
function remember() {
  const entry = { query: query.value, variables: $('variables').value, at: Date.now() };
  history = [entry, ...history.filter((h) => h.query !== entry.query || h.variables !== entry.variables)]
    .slice(0, MAX_HISTORY);
  save('history', history);
  showHistory();
}
$('forget').onclick = () => { history = []; save('history', history); showHistory(); };

// ---- an order's way

const needLogin = () => {
  if (!session) tell('Log in or register first.', true);
  if (!current()) $('login').elements.email.focus();
  return !session;
};
$('place').onsubmit = async (e) => {
  e.preventDefault();
  if (needLogin()) return;
  try {
    const { id } = await ask(`mutation CreateOrder($userId: String!, $amount: Float!) {
      createOrder(userId: $userId, amount: $amount) { id } }`,
      { userId: session.user.id, amount: Number(new FormData(e.target).get('amount')) }, session.token);
    tell(`Order ${id}`);
    watch(id, session.token, tell);
  } catch (error) {
    tell(error.message, true);
  }
};
$('watch').onsubmit = (e) => {
  e.preventDefault();
  if (!needLogin()) watch(new FormData(e.target).get('id').trim(), session.token, tell);
};

// ---- beginning

setSession(session);
current();
query.value = load('query', FIRST);
$('variables').value = load('variables', '');
$('variables').oninput = () => save('variables', $('variables').value);
paint();
showHistory();
send({ query: INTROSPECTION }).then(({ body }) => {
  if (!body.data) { tell('Introspection is off here: no completions, no docs.'); return; }
  schema = read(body.data.__schema);
  visit('');
  document.documentElement.dataset.schema = 'read';
}).catch((error) => tell(error.message, true));
