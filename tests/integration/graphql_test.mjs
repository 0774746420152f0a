// Our GraphQL against the reference implementation: documents made from a seed are parsed, validated
// and executed by both, and schemas are printed and read back. Prints TAP.
//   graphql_test.mjs TOOL NODE_DIR PACKAGE      (GRAPHQL_SEED, GRAPHQL_DOCUMENTS, GRAPHQL_SHOW)
import { readFileSync } from 'node:fs';
import { chance, sow } from './graphql_chance.mjs';
import { damage, document, use, variables } from './graphql_documents.mjs';
import { laterNotes, laterWords, notes as allNotes, schemaNotes } from './graphql_notes.mjs';
import { ask, load, place, sorted } from './graphql_reference.mjs';
import { schema as schemaText } from './graphql_schemas.mjs';
import { makeSchema } from './graphql_world.mjs';

const [tool, nodeDir, reference] = process.argv.slice(2);
const seed = Number(process.env.GRAPHQL_SEED ?? 1);
const count = Number(process.env.GRAPHQL_DOCUMENTS ?? 20000);

const gql = load(nodeDir, reference);
// Our words are those of 16, which nearly all servers and clients have; those of 17 are put into them first.
const later = gql.versionInfo.major > 16;
const notes = later ? [...allNotes, ...laterNotes] : allNotes;
const words = later ? laterWords : [];
sow(seed);
use(gql);

// ---- the comparison

const wordsOf = ({ message }) => words.reduce((text, { from, to }) => text.replace(from, to), message);
const shown = (errors) => errors.map((e) => `${wordsOf(e)}|${place(e)}|${(e.path ?? []).join('.')}`).sort();
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

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

const isConflict = (error) => /^Fields ".*" conflict/.test(error.message);
const said = (errors) => {
  const all = errors.filter((e) => !isConflict(e)).map((e) => `${wordsOf(e)}|${place(e)}`);
  return later ? all.sort() : all; // the order is that of 16
};

// What differs, and by which of our words; null: nothing.
function difference(want, got) {
  const stage = stageOf(got);
  if (stage === 'limit') return null;
  if (stage !== want.stage) return { what: 'stage', text: `they stop at ${want.stage}: ${want.errors[0]?.message}` };
  if (stage === 'parse')
    return same(said(want.errors), said(got.errors)) ? null : { what: 'errors', text: said(want.errors).join() };
  if (stage === 'validate') {
    if (!same(said(want.errors), said(got.errors))) return { what: 'errors', text: said(want.errors).join(' / ') };
    return want.errors.some(isConflict) === got.errors.some(isConflict) ? null : { what: 'conflict', text: '' };
  }
  if (want.refused !== !('data' in got)) return { what: 'data', text: 'one of both has no data' };
  if (!same(sorted(want.data ?? null), sorted(got.data ?? null))) return { what: 'data', text: JSON.stringify(want.data) };
  const a = shown(want.errors), b = shown(got.errors ?? []);
  return same(a, b) ? null : { what: 'errors', text: a.join(' / ') };
}

let failed = 0, number = 0;
const result = (ok, name) => { failed += !ok; console.log(`${ok ? 'ok' : 'not ok'} ${++number} - ${name}`); };

const [sdl] = ask(tool, [], []);
const schema = makeSchema(gql, sdl);
result(gql.validateSchema(schema).length === 0, 'the printed schema is valid for the reference');

const introspection = gql.getIntrospectionQuery({ descriptions: true, specifiedByUrl: true, directiveIsRepeatable: true,
  schemaDescription: true, inputValueDeprecation: true, oneOf: true });
const [, introspected] = ask(tool, [], [{ query: introspection }]);
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
for (const note of notes) note.n = 0;
ask(tool, [], requests).slice(1).forEach((got, i) => {
  const want = theirs(schema, requests[i]), found = difference(want, got);
  stages[want.stage] = (stages[want.stage] ?? 0) + 1;
  if (!found) return;
  const note = notes.find((n) => (n.only ?? found.what) === found.what && n.when({ request: requests[i], want, got }));
  if (note) note.n++;
  else differences.push({ request: requests[i], found, got });
});
for (const { request, found, got } of differences.slice(0, Number(process.env.GRAPHQL_SHOW ?? 5)))
  console.log(`# ${JSON.stringify(request)}\n#   want ${found.what}: ${found.text}\n#   got  ${JSON.stringify(got)}`);
console.log(`# seed ${seed}, ${count} documents: ${JSON.stringify(stages)}, ${differences.length} differ`);
for (const { n, why } of notes) console.log(`# ${n} differ as they should: ${why}`);
result(differences.length === 0, `${count} documents are parsed, validated and executed as by the reference`);
// ---- schemas

// Which directives are applied to what: `T.field(argument)`.
function applications(text) {
  const out = {};
  const visit = (node, at) => {
    const here = at + (node.name?.value ?? 'schema');
    for (const d of node.directives ?? []) (out[here] ??= []).push(gql.print(d));
    for (const key of ['fields', 'arguments', 'values']) for (const child of node[key] ?? []) visit(child, here + '.');
  };
  for (const definition of gql.parse(text).definitions) visit(definition, '');
  return JSON.stringify(Object.entries(out).sort());
}

function readSchema(text) {
  try {
    const schema = gql.buildSchema(text), errors = gql.validateSchema(schema);
    return { schema, errors };
  } catch (error) {
    return { errors: [error] };
  }
}

function schemaDifference(text, got) {
  const { schema, errors } = readSchema(text);
  if (errors.length) return got.problems ? null : `they refuse it: ${errors[0].message}`;
  if (got.problems) return `they take it; we say ${got.problems}`;
  if (lexical(schema) !== lexical(gql.buildSchema(got.sdl))) return 'the printed text is another schema';
  return applications(text) === applications(got.sdl) ? null : 'other directives are applied';
}

const root = nodeDir + '/../../';
const written = readFileSync(root + 'gateway/schema.graphql', 'utf8') + readFileSync(root + 'gateway/federation.graphql', 'utf8');
const schemas = [written, sdl, ...Array.from({ length: Math.ceil(count / 40) }, schemaText)];
const wrong = [];
let refused = 0;
const printed = ask(tool, [], schemas).slice(1);
printed.forEach((got, i) => {
  const text = schemaDifference(schemas[i], got);
  refused += 'problems' in got;
  if (text && !schemaNotes.some((n) => n.when(text))) wrong.push({ text, sdl: schemas[i], got });
});
for (const { text, sdl: from, got } of wrong.slice(0, Number(process.env.GRAPHQL_SHOW ?? 5)))
  console.log(`# ${text}\n${from.replace(/^/gm, '#   ')}\n# got\n${(got.sdl ?? got.problems).replace(/^/gm, '#   ')}`);
console.log(`# seed ${seed}, ${schemas.length} schemas, ${refused} refused by both`);
result(printed[0].sdl && !wrong.length, `${schemas.length} schemas are taken or refused, and printed, as by the reference`);
const again = printed.filter((got) => got.sdl).map((got) => got.sdl);
result(same(ask(tool, [], again).slice(1).map((got) => got.sdl), again), 'a printed schema is printed the same again');

console.log(`1..${number}`);
process.exit(failed ? 1 : 0);
