// Our GraphQL against the reference implementation: documents made from a seed, most of them nearly
// right, are parsed, validated and executed by both. Prints TAP.
//   graphql_test.mjs TOOL NODE_DIR      (GRAPHQL_SEED, GRAPHQL_DOCUMENTS)
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const [tool, nodeDir] = process.argv.slice(2);
const seed = Number(process.env.GRAPHQL_SEED ?? 1);
const count = Number(process.env.GRAPHQL_DOCUMENTS ?? 3000);

let gql;
try {
  gql = createRequire(nodeDir + '/package.json')('graphql');
} catch {
  if (process.env.CI === 'true') throw new Error('npm graphql is not installed in ' + nodeDir);
  console.log('1..0 # SKIP npm graphql is not installed');
  process.exit(0);
}

// ---- chance

let state = BigInt(seed);
function below(n) {
  state = (state + 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn;
  let z = state;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & 0xffffffffffffffffn;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & 0xffffffffffffffffn;
  return Number((z ^ (z >> 31n)) % BigInt(n));
}
const pick = (list) => list[below(list.length)];
const chance = (percent) => below(100) < percent;

// ---- the world, again: as tests/unit/graphql_world.c has it

const people = [
  { __typename: 'Person', id: '1', name: 'Ann', age: 31, friends: [2, 3], tags: [['a', null], null] },
  { __typename: 'Person', id: '2', name: 'Bob', age: null, friends: [1] },
  { __typename: 'Person', id: '3', name: 'Cid', age: 77, friends: [1, 2] },
  { __typename: 'Robot', id: '4', name: 'R4', volts: 1.5 },
];
const byId = (id) => people.find((p) => p.id === String(id)) ?? null;
const fail = (text) => { throw new Error(text); };
const slice = (list, first) => (first === undefined || first === null ? list : list.slice(0, Math.max(0, first)));

function makeSchema(sdl) {
  const schema = gql.buildSchema(sdl);
  const set = (type, field, resolve) => { schema.getType(type).getFields()[field].resolve = resolve; };
  set('Query', 'hello', (_, { name }) => `Hello, ${name ?? ''}!`);
  set('Query', 'person', (_, { id }) => byId(id));
  set('Query', 'node', (_, { id }) => byId(id));
  set('Query', 'people', (_, { first }) => people.slice(0, Math.min(3, Math.max(0, first ?? 3))));
  set('Query', 'search', () => people);
  set('Query', 'echo', (_, args) => args);
  set('Query', 'need', (_, { int, other }) => int + other);
  set('Query', 'fails', () => fail('nothing here'));
  set('Query', 'failsHard', () => fail('nothing here'));
  set('Query', 'badEnum', () => 'PINK');
  set('Query', 'bigInt', () => 2147483648);
  set('Query', 'price', () => 19.9);
  set('Query', 'now', () => '1970-01-01T00:00:00.000Z');
  set('Query', 'broken', () => [1, new Error('Internal error')]);
  set('Query', 'old', () => 1);
  set('Person', 'friends', (p, { first }) => p.friends && slice(p.friends, first).map(byId));
  set('Person', 'secret', (p) => (p.name === 'Bob' ? 'none' : fail(`${p.name} has secrets`)));
  for (const name of ['Node', 'Named', 'Found'])
    schema.getType(name).resolveType = (value) => value.__typename;
  for (const name of ['append', 'appendHard'])
    set('Mutation', name, (log, { n }) => {
      if (log.length < 8) log.push(n);
      return name === 'append' ? [...log] : fail(`no more than ${n}`);
    });
  return schema;
}

// ---- documents

const named = (type) => gql.getNamedType(type);

function literal(type, depth, variables) {
  if (gql.isNonNullType(type)) {
    if (chance(4)) return 'null';
    type = type.ofType;
  } else if (chance(8)) return 'null';
  if (variables && chance(15)) return '$' + pick(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  if (gql.isListType(type))
    return chance(15) ? literal(type.ofType, depth, variables)
      : '[' + Array.from({ length: below(3) }, () => literal(type.ofType, depth, variables)).join(' ') + ']';
  if (chance(6)) return pick(['1', '-0', '1.5', '"s"', 'true', 'RED', '[]', '{}', '{w: 1}', '99999999999']);
  if (gql.isInputObjectType(type)) {
    if (depth > 3) return '{w: 1}';
    const fields = Object.values(type.getFields())
      .filter((f) => chance(gql.isRequiredInputField(f) ? 92 : type.isOneOf ? 45 : 30));
    return '{' + fields.map((f) => `${chance(2) ? 'x' : ''}${f.name}: ${literal(f.type, depth + 1, variables)}`).join(', ') + '}';
  }
  if (gql.isEnumType(type)) return pick(['RED', 'GREEN', 'BLUE', 'RED', 'PINK']);
  switch (type.name) {
    case 'Int': return pick(['0', '1', '2', '-1', '3', '2147483647', '2147483648']);
    case 'Float': return pick(['1', '1.5', '-2e3', '0.25']);
    case 'Boolean': return pick(['true', 'false']);
    case 'ID': return pick(['1', '"2"', '3', '"4"', '9']);
    case 'Money': return pick(['1', '19.99', '0.5']);
    case 'DateTime': return '"2026-01-01T00:00:00Z"';
    case 'Any': return pick(['1', '"x"', '[1, "a"]', '{a: 1}', 'null', 'true']);
    default: return pick(['"s"', '"\\u00e9"', '"""\n  block\n    two\n"""', '""', '"\\u{1F600}"']);
  }
}

const args = (list, variables) => {
  const given = list.filter((a) => chance(gql.isRequiredArgument(a) ? 94 : 30));
  return given.length
    ? '(' + given.map((a) => `${chance(2) ? 'x' : ''}${a.name}: ${literal(a.type, 0, variables)}`).join(', ') + ')'
    : '';
};

const directives = () =>
  chance(88) ? '' : pick([' @skip(if: true)', ' @skip(if: $e)', ' @include(if: false)', ' @include(if: true)',
    ' @mark(by: "x")', ' @mark(by: "x") @mark(by: "y")', ' @nope', ' @skip', ' @skip(if: true) @skip(if: false)',
    ' @deprecated']);

function selections(schema, type, depth) {
  const out = [];
  const fields = gql.isUnionType(type) || !type.getFields ? [] : Object.values(type.getFields());
  for (let n = 1 + below(depth > 3 ? 2 : 4); n > 0; n--) {
    const kind = below(100);
    if (kind < 8 || !fields.length && kind < 40) out.push('__typename');
    else if (kind < 16) out.push('...' + pick(['A', 'B', 'C', 'D']) + directives());
    else if (kind < 30 || !fields.length) {
      const to = chance(15) ? null : schema.getType(pick(['Person', 'Robot', 'Node', 'Named', 'Found', type.name]));
      out.push(`...${to ? ' on ' + to.name : ''}${directives()} { ${selections(schema, to ?? type, depth + 1)} }`);
    } else if (kind < 32) out.push('nope');
    else {
      const field = pick(fields.filter((f) => depth < 4 || gql.isLeafType(named(f.type))).concat(chance(5) ? fields : [])) ?? fields[0];
      const alias = chance(15) ? pick(['x', 'y', 'name']) + ': ' : '';
      const composite = gql.isCompositeType(named(field.type));
      out.push(`${alias}${field.name}${args(field.args, true)}${directives()}` +
        (composite !== chance(2) ? ` { ${composite ? selections(schema, named(field.type), depth + 1) : 'x'} }` : ''));
    }
  }
  return out.join(pick([' ', '\n', ', ', ' # c\n']));
}

const variableTypes = { a: ['Int', 'Int!'], b: ['String', 'ID', 'ID!'], c: ['[Int!]', '[Int]'], d: ['Box', 'Box!'],
  e: ['Boolean!', 'Boolean', 'Boolean! = true'], f: ['Color', 'Any', 'Nope', 'Person'], g: ['Pick', 'Float', '[[Int]]'] };

function document(schema) {
  const kinds = ['query', 'query', 'query', 'query', 'query', 'mutation'];
  const kind = pick(kinds);
  const root = kind === 'query' ? schema.getQueryType() : schema.getMutationType();
  const body = selections(schema, root, 0);
  const fragments = ['A', 'B', 'C', 'D'].filter((f) => body.includes('...' + f) || chance(2)).map((f) =>
    `fragment ${f} on ${f === 'A' ? root.name : pick(['Person', 'Person', 'Node', 'Found', root.name, 'Robot'])}${directives()} { ${selections(schema, schema.getType(f === 'A' ? root.name : 'Person'), 3)} }`);
  const all = body + fragments.join(' ');
  const used = Object.keys(variableTypes).filter((v) => (all.includes('$' + v) ? chance(97) : chance(1)));
  const definitions = used.map((v) => {
    const type = pick(variableTypes[v]);
    return `$${v}: ${type}${!type.includes('=') && chance(15) ? ' = ' + pick(['1', 'null', '"x"', '[1]', '{w: 1}', 'true', 'RED']) : ''}`;
  });
  return `${kind}${chance(50) ? ' Q' : ''}${definitions.length ? '(' + definitions.join(', ') + ')' : ''} { ${body} } ${fragments.join('\n')}`;
}

// Takes out, doubles or puts in a piece.
function damage(text) {
  const at = below(text.length), to = Math.min(text.length, at + 1 + below(4));
  switch (below(3)) {
    case 0: return text.slice(0, at) + text.slice(to);
    case 1: return text.slice(0, to) + text.slice(at);
    default: return text.slice(0, at) + pick(['{', '}', '(', ')', '"', '$', '...', ':', '!', '@', '0', '1.', '\\', '?', '"""', '\u00e9', '[', ' on ', '\u0000', '&', '-', '.e']) + text.slice(at);
  }
}

function variables() {
  const out = {};
  const values = { a: [1, 2, '1', 1.5, null, 1.0], b: ['1', 'x', 2, null, 'é'], c: [[1], 1, [null], ['x'], null],
    d: [{ w: 1 }, { h: 1 }, { w: 1, inner: { w: 'x' } }, { w: 1, colors: ['RED'] }, 3, { w: 1, x: 2 }], e: [true, false, 'x', null],
    f: ['RED', 'PINK', 1, null], g: [{ a: 1 }, { a: 1, b: 'x' }, {}, 1.5, [[1]], [1], { a: null }] };
  for (const [name, list] of Object.entries(values)) if (chance(75)) out[name] = pick(list);
  return out;
}

// ---- the comparison

// Differences that are meant to be; each says why.
const notes = [
  // A value that is a scalar of its own says what it wants; theirs takes anything without a parser.
  { why: 'custom scalars check their input here', when: (text) => /Money|DateTime/.test(text) },
];

const clean = (message) => message.replace(/ Did you mean .*$/s, '').replace(/\.$/, '');
const place = (error) => (error.locations ?? []).map((l) => `${l.line}:${l.column}`).join(',');
const shown = (errors) => errors.map((e) => `${clean(e.message)}|${place(e)}|${(e.path ?? []).join('.')}`).sort();
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const sorted = (v) => (Array.isArray(v) ? v.map(sorted) : v && typeof v === 'object'
  ? Object.fromEntries(Object.keys(v).sort().map((k) => [k, sorted(v[k])])) : v);

function theirs(schema, request) {
  let ast;
  try {
    ast = gql.parse(request.query);
  } catch (error) {
    return { stage: 'parse', errors: [error] };
  }
  const errors = gql.validate(schema, ast);
  if (errors.length) return { stage: 'validate', errors };
  const result = gql.executeSync({ schema, document: ast, rootValue: [], variableValues: request.variables });
  return { stage: 'execute', data: result.data, errors: result.errors ?? [], refused: !('data' in result) };
}

function stageOf(answer) {
  const code = answer.errors?.[0]?.extensions?.code;
  return 'data' in answer ? 'execute' : code === 'GRAPHQL_PARSE_FAILED' ? 'parse'
    : code === 'GRAPHQL_VALIDATION_FAILED' ? 'validate' : code === 'TOO_LARGE' ? 'limit' : 'execute';
}

function difference(request, want, got) {
  const stage = stageOf(got);
  if (stage === 'limit') return null; // they have no limits
  if (stage !== want.stage) return `they stop at ${want.stage}: ${want.errors[0]?.message}`;
  if (stage === 'parse') // where it is; texts differ for characters outside of strings
    return place(want.errors[0]) === place(got.errors[0]) ? null : `${want.errors[0].message} at ${place(want.errors[0])}`;
  if (stage === 'validate') {
    const a = [...new Set(want.errors.map((e) => clean(e.message)))].sort();
    const b = [...new Set(got.errors.map((e) => clean(e.message)))].sort();
    const conflict = (list) => list.filter((m) => !/^Fields ".*" conflict/.test(m));
    // Conflicts between fields: one is as good as another; and they are looked for only when all else is right.
    return same(conflict(a), conflict(b)) ? null : `messages: ${a.join(' / ')}`;
  }
  if (want.refused !== !('data' in got)) return 'one of both has no data';
  if (!same(sorted(want.data ?? null), sorted(got.data ?? null))) return `data: ${JSON.stringify(want.data)}`;
  const a = shown(want.errors), b = shown(got.errors ?? []);
  return same(a, b) ? null : `errors: ${a.join(' / ')}`;
}

function ask(requests) {
  const run = spawnSync(tool, { input: requests.map((r) => JSON.stringify(r) + '\n').join(''), maxBuffer: 1 << 30 });
  if (run.status !== 0) throw new Error(`the tool ended with ${run.status ?? run.signal}: ${run.stderr}`);
  return run.stdout.toString().trimEnd().split('\n').map((line) => JSON.parse(line));
}

let noted = 0;
let failed = 0, number = 0;
const result = (ok, name) => { failed += !ok; console.log(`${ok ? 'ok' : 'not ok'} ${++number} - ${name}`); };

const [sdl] = ask([]);
const schema = makeSchema(sdl);
result(gql.validateSchema(schema).length === 0, 'the printed schema is valid for the reference');

const introspection = gql.getIntrospectionQuery({ descriptions: true, specifiedByUrl: true, directiveIsRepeatable: true,
  schemaDescription: true, inputValueDeprecation: true, oneOf: true });
const [, introspected] = ask([{ query: introspection }]);
const built = introspected.data ? gql.buildClientSchema(introspected.data) : null;
result(built && gql.validateSchema(built).length === 0, 'introspection loads in the reference');
const lexical = (s) => gql.printSchema(gql.lexicographicSortSchema(s));
result(built && lexical(built) === lexical(schema), 'introspection and printed text are one schema');

const requests = Array.from({ length: count }, () => {
  let query = document(schema);
  while (chance(25)) query = damage(query);
  return { query, variables: variables() };
});
const stages = {}, differences = [];
ask(requests).slice(1).forEach((got, i) => {
  const want = theirs(schema, requests[i]);
  stages[want.stage] = (stages[want.stage] ?? 0) + 1;
  const what = difference(requests[i], want, got);
  const text = JSON.stringify(requests[i]) + (what ?? '');
  if (what && notes.some((n) => n.when(what + JSON.stringify(got), text))) noted++;
  else if (what) differences.push({ i, what, got });
});
for (const { i, what, got } of differences.slice(0, Number(process.env.GRAPHQL_SHOW ?? 5)))
  console.log(`# ${JSON.stringify(requests[i])}\n#   want ${what}\n#   got  ${JSON.stringify(got)}`);
console.log(`# seed ${seed}, ${count} documents: ${JSON.stringify(stages)}, ${noted} differ as noted, ${differences.length} otherwise`);
result(differences.length === 0, `${count} documents are parsed, validated and executed as by the reference`);
console.log(`1..${number}`);
process.exit(failed ? 1 : 0);
