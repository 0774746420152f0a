// Our parts against those of the reference implementation (graphql-js 17): documents made from a seed
// are validated and run by both. What comes out when the parts are put together is compared, with its
// errors and with the fragments and lists that failed; into which parts it is cut is not, for there it
// depends on time, and here on levels. Our whole response is compared with theirs to the document
// without the directives. Prints TAP.
//   graphql_parts_test.mjs TOOL NODE_DIR PACKAGE      (GRAPHQL_SEED, GRAPHQL_DOCUMENTS, GRAPHQL_SHOW)
import { sow } from './graphql_chance.mjs';
import { together } from './graphql_merge.mjs';
import { partsDocument, partsVariables } from './graphql_parts_documents.mjs';
import { ask, load, place, sorted } from './graphql_reference.mjs';
import { makeSchema } from './graphql_world.mjs';

const [tool, nodeDir, reference] = process.argv.slice(2);
const seed = Number(process.env.GRAPHQL_SEED ?? 1);
const count = Number(process.env.GRAPHQL_DOCUMENTS ?? 4000);

const gql = load(nodeDir, reference);
sow(seed);

const [sdl] = ask(tool, ['parts'], []);
const schema = makeSchema(gql, sdl);
const plain = new gql.GraphQLSchema(schema.toConfig());
const parts = new gql.GraphQLSchema({ ...schema.toConfig(),
  directives: [...schema.getDirectives(), gql.GraphQLDeferDirective, gql.GraphQLStreamDirective] });

const told = (error) => `${error.message}|${place(error)}|${(error.path ?? []).join('.')}`;
const same = (a, b) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

// By which of its errors one that has several ends depends on time, too.
const failures = (failed) => failed.map((f) => `${f.path.join('.')} ${f.label ?? ''}`).sort();

const without = (ast) => gql.visit(ast, { Directive: (node) => (['defer', 'stream'].includes(node.name.value) ? null : undefined) });
const isConflict = (error) => /^Fields ".*" conflict/.test(error.message);

async function theirs({ query, variables }) {
  const ast = gql.parse(query), errors = gql.validate(parts, ast);
  if (errors.length) return { refused: errors };
  const run = (document, s) => ({ schema: s, document, rootValue: [], variableValues: variables });
  const result = await gql.experimentalExecuteIncrementally(run(ast, parts));
  const all = [result.initialResult ?? result];
  if (result.subsequentResults) for await (const part of result.subsequentResults) all.push(part);
  const bare = gql.parse(gql.print(without(ast)));
  return { parts: JSON.parse(JSON.stringify(all)), whole: JSON.parse(JSON.stringify(await gql.execute(run(bare, plain)))) };
}

function difference(want, [whole, ours]) {
  const code = whole.errors?.[0].extensions.code;
  if (code === 'TOO_LARGE' && !('data' in whole)) return null; // there are no limits there
  const refused = !('data' in whole) && code === 'GRAPHQL_VALIDATION_FAILED';
  if (!want.refused !== !refused) return `they ${want.refused ? `refuse it: ${want.refused[0].message}` : 'take it'}`;
  if (want.refused) {
    const said = (errors) => errors.filter((e) => !isConflict(e)).map((e) => `${e.message}|${place(e)}`);
    if (!same(said(want.refused), said(whole.errors))) return `they say ${said(want.refused).join(' / ')}`;
    return want.refused.some(isConflict) === whole.errors.some(isConflict) ? null : 'a conflict';
  }
  // A negative one is an error there only where the list is not null.
  if (whole.errors?.some((e) => e.message.startsWith('initialCount must'))) return null;
  const a = together(want.parts, false);
  let b;
  try {
    b = together(ours);
  } catch (error) {
    return error.message;
  }
  if (!same(a.data ?? null, b.data ?? null)) return `together they have ${JSON.stringify(a.data)}`;
  if (!same(a.errors.map(told).sort(), b.errors.map(told).sort())) return `they have the errors ${a.errors.map(told).join(' / ')}`;
  if (!same(failures(a.failed), failures(b.failed))) return `there fail ${failures(a.failed)}`;
  if (!same(want.whole.data, whole.data)) return `as a whole they have ${JSON.stringify(want.whole.data)}`;
  if (!whole.errors && !same(whole.data, b.data)) return 'the parts are not the whole';
  return null;
}

const requests = Array.from({ length: count }, () => ({ query: partsDocument(), variables: partsVariables() }));
const answers = ask(tool, ['parts'], requests).slice(1), wrong = [], counts = { refused: 0, whole: 0, parts: 0, failed: 0 };
for (const [i, request] of requests.entries()) {
  const want = await theirs(request), text = difference(want, answers[i]);
  if (text) wrong.push({ request, text, got: answers[i], want: want.parts });
  if (want.refused) counts.refused++;
  else if (answers[i][1].length === 1) counts.whole++;
  else counts.parts++;
  counts.failed += answers[i][1].some((part) => part.completed?.some((c) => c.errors));
}
for (const { request, text, got, want } of wrong.slice(0, Number(process.env.GRAPHQL_SHOW ?? 5)))
  console.log(`# ${JSON.stringify(request)}\n#   ${text}\n#   want ${JSON.stringify(want)}\n#   got  ${JSON.stringify(got)}`);
console.log(`# seed ${seed}, ${count} documents: ${JSON.stringify(counts)}, ${wrong.length} differ`);
const enough = counts.parts > count / 10 && counts.failed > count / 100;
console.log(`${wrong.length ? 'not ok' : 'ok'} 1 - ${count} documents give together what the reference's parts give`);
console.log(`${enough ? 'ok' : 'not ok'} 2 - many of them come in parts, and some of those fail`);
console.log('1..2');
process.exit(wrong.length || !enough ? 1 : 0);
