// As much of GraphQL's language as an editor needs: words, where the caret is, what may come there.

const WORDS = /#[^\n]*|"""[^]*?(?:"""|$)|"(?:\\.|[^"\\\n])*"?|\.\.\.|[_A-Za-z]\w*|-?\d[\w.+-]*|[^\s,]/g;
const ROOTS = { query: 'queryType', mutation: 'mutationType', subscription: 'subscriptionType' };

export function words(text) {
  return [...text.matchAll(WORDS)].map((m) => ({ text: m[0], at: m.index }));
}

const isName = (w) => w !== undefined && /^[_A-Za-z]/.test(w);

export function kindOf(word) {
  if (word[0] === '#') return 'c';
  if (word[0] === '"') return 's';
  if (/^-?\d/.test(word)) return 'd';
  if (/^(query|mutation|subscription|fragment|on|true|false|null)$/.test(word)) return 'w';
  return isName(word) ? 'n' : '';
}

// The operations of a document: [{kind, name, from, to}].
export function operations(text) {
  const found = [];
  let depth = 0, current = null;
  for (const { text: w, at } of words(text).filter((x) => x.text[0] !== '#')) {
    if (depth === 0 && (w in ROOTS || w === 'fragment')) found.push(current = { kind: w, from: at });
    else if (depth === 0 && w === '{' && !current) found.push(current = { kind: 'query', from: at });
    else if (depth === 0 && current && !current.seen && isName(w)) current.name = w;
    if (depth === 0 && current && !isName(w)) current.seen = true;
    if ('({['.includes(w)) depth++;
    if (')}]'.includes(w)) depth--;
    if (depth === 0 && w === '}' && current) { current.to = at + 1; current = null; }
  }
  return found.filter((o) => o.kind !== 'fragment');
}

export const nameOf = (type) => (type.ofType ? nameOf(type.ofType) : type.name);

export function typeText(type) {
  if (type.kind === 'NON_NULL') return `${typeText(type.ofType)}!`;
  return type.kind === 'LIST' ? `[${typeText(type.ofType)}]` : type.name;
}

// An introspected schema, with types by name.
export function read(schema) {
  return { ...schema, byName: new Map(schema.types.map((t) => [t.name, t])) };
}

const fieldOf = (type, name) => type?.fields?.find((f) => f.name === name);

// Where the caret is: {want: 'field' | 'argument' | 'value' | 'type' | 'directive' | 'root' | 'none', ...}
function whereIs(schema, before) {
  const rootOf = (kind) => schema.byName.get(schema[ROOTS[kind]]?.name);
  const sets = []; // the types of the selection sets around
  const inputs = []; // around the caret within parentheses: {fields} or {value}
  let field = null, next = rootOf('query'), last = '', condition = false;
  for (const w of before) {
    const top = sets.at(-1), input = inputs.at(-1);
    if (input) {
      if (w === ')' && input.paren) inputs.pop();
      else if (w === '{') inputs.push({ fields: schema.byName.get(nameOf(input.value ?? { name: '' }))?.inputFields ?? [] });
      else if (w === '}') inputs.pop();
      else if (w === ':') input.value = input.variables ? { variable: true } : input.fields.find((f) => f.name === last)?.type;
      else if (isName(w) || w[0] === '"' || /^-?\d/.test(w)) {
        if (last === ':' || last === '$') input.used = true;
        if (last !== ':' && last !== '$' && last !== '[') input.value = undefined;
      }
    } else if (w === '(') {
      inputs.push({ paren: true, variables: sets.length === 0, fields: field?.args ?? [] });
    } else if (w === '{') {
      sets.push(next);
      field = null;
    } else if (w === '}') {
      sets.pop();
      if (!sets.length) next = rootOf('query');
    } else if (w in ROOTS && !sets.length) {
      next = rootOf(w);
    } else if (w === 'on' && (last === '...' || condition === 'fragment')) {
      condition = 'type';
    } else if (condition === 'type' && isName(w)) {
      next = schema.byName.get(w);
      condition = false;
    } else if (w === 'fragment' && !sets.length) {
      condition = 'fragment';
    } else if (w === '...') {
      next = top;
    } else if (isName(w) && last !== '@' && last !== '...' && sets.length) {
      field = fieldOf(top, w) ?? null;
      next = field && schema.byName.get(nameOf(field.type));
    }
    last = w;
  }
  const input = inputs.at(-1);
  if (last === '@') return { want: 'directive' };
  if (last === '$') return { want: 'variable' };
  if (condition === 'type') return { want: 'type', outputs: true };
  if (input?.variables) return input.value ? { want: 'type' } : { want: 'none' };
  if (input) return input.value && (last === ':' || last === '[') ? { want: 'value', type: input.value }
    : { want: 'argument', fields: input.fields };
  if (sets.length) return { want: 'field', type: sets.at(-1) };
  return { want: 'root' };
}

function candidates(schema, where, text) {
  const of = (list) => (list ?? []).map((x) => ({ label: x.name, detail: typeText(x.type), doc: x.description }));
  switch (where.want) {
    case 'field':
      return [...of(where.type?.fields), { label: '__typename', detail: 'String!' }];
    case 'argument':
      return of(where.fields);
    case 'value': {
      const type = schema.byName.get(nameOf(where.type));
      if (type?.name === 'Boolean') return [{ label: 'true' }, { label: 'false' }];
      return (type?.enumValues ?? []).map((v) => ({ label: v.name, doc: v.description }));
    }
    case 'type':
      return schema.types.filter((t) => t.name.slice(0, 2) !== '__' &&
        (where.outputs ? t.fields : !t.fields)).map((t) => ({ label: t.name, detail: t.kind.toLowerCase(), doc: t.description }));
    case 'directive':
      return schema.directives.map((d) => ({ label: d.name, doc: d.description }));
    case 'variable':
      return [...new Set([...text.matchAll(/\$(\w+)\s*:/g)].map((m) => m[1]))].map((label) => ({ label }));
    case 'root':
      return ['query', 'mutation', 'subscription', 'fragment'].map((label) => ({ label }));
    default:
      return [];
  }
}

// What may stand at the caret: {from, items: [{label, detail, doc}]}.
export function complete(schema, text, caret) {
  const before = text.slice(0, caret);
  const prefix = /[_A-Za-z]\w*$/.exec(before)?.[0] ?? '';
  const from = caret - prefix.length;
  const known = words(text.slice(0, from)).filter((w) => w.text[0] !== '#').map((w) => w.text);
  const wanted = prefix.toLowerCase();
  const items = candidates(schema, whereIs(schema, known), text)
    .filter((i) => i.label.toLowerCase().includes(wanted))
    .sort((a, b) => !a.label.toLowerCase().startsWith(wanted) - !b.label.toLowerCase().startsWith(wanted));
  return { from, items };
}

export const INTROSPECTION = `query { __schema {
  queryType { name } mutationType { name } subscriptionType { name }
  directives { name description }
  types { kind name description
    fields(includeDeprecated: true) { name description isDeprecated deprecationReason
      args { name description defaultValue type { ...T } } type { ...T } }
    inputFields { name description defaultValue type { ...T } }
    enumValues(includeDeprecated: true) { name description }
    possibleTypes { name } } } }
fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }`;
