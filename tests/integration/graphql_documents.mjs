// Documents for the schema of tests/unit/graphql_world.c, most of them nearly right.
import { below, chance, pick } from './graphql_chance.mjs';
let gql;
export const use = (graphql) => { gql = graphql; };

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

// Names only: the rest of what the language itself has is described in other words here.
const about = (depth) => depth > 3 ? 'name' : pick(['name', 'kind', 'name', '...I', `ofType { ${about(depth + 1)} }`,
  `fields { name type { ${about(depth + 1)} } }`, `interfaces { ${about(depth + 1)} }`, `possibleTypes { name ${about(depth + 1)} }`,
  `inputFields { name type { ${about(depth + 1)} } }`, `... { ${about(depth + 1)} ${about(depth + 1)} }`]);
const introspection = () => pick(['__type(name: "Person")', '__type(name: "Box")', '__type(name: "Nope")', 't: __type(name: "Found")', '__schema']) +
  ` { ${chance(30) ? 'queryType { ' + about(0) + ' }' : about(0)} }`;

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
    else if (kind < 34 && type.name === 'Query') out.push(introspection());
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

export function document(schema) {
  const kinds = ['query', 'query', 'query', 'query', 'query', 'mutation'];
  const kind = pick(kinds);
  const root = kind === 'query' ? schema.getQueryType() : schema.getMutationType();
  const body = selections(schema, root, 0);
  const fragments = ['A', 'B', 'C', 'D'].filter((f) => body.includes('...' + f) || chance(2)).map((f) =>
    `fragment ${f} on ${f === 'A' ? root.name : pick(['Person', 'Person', 'Node', 'Found', root.name, 'Robot'])}${directives()} { ${selections(schema, schema.getType(f === 'A' ? root.name : 'Person'), 3)} }`);
  if (body.includes('...I')) fragments.push(`fragment I on __Type { ${about(1)} }`);
  const all = body + fragments.join(' ');
  const used = Object.keys(variableTypes).filter((v) => (all.includes('$' + v) ? chance(97) : chance(1)));
  const definitions = used.map((v) => {
    const type = pick(variableTypes[v]);
    return `$${v}: ${type}${!type.includes('=') && chance(15) ? ' = ' + pick(['1', 'null', '"x"', '[1]', '{w: 1}', 'true', 'RED']) : ''}`;
  });
  return `${kind}${chance(50) ? ' Q' : ''}${definitions.length ? '(' + definitions.join(', ') + ')' : ''} { ${body} } ${fragments.join('\n')}`;
}

// Takes out, doubles or puts in a piece.
export function damage(text) {
  const at = below(text.length), to = Math.min(text.length, at + 1 + below(4));
  switch (below(3)) {
    case 0: return text.slice(0, at) + text.slice(to);
    case 1: return text.slice(0, to) + text.slice(at);
    default: return text.slice(0, at) + pick(['{', '}', '(', ')', '"', '$', '...', ':', '!', '@', '0', '1.', '\\', '?', '"""', '\u00e9', '[', ' on ', '\u0000', '&', '-', '.e']) + text.slice(at);
  }
}

export function variables() {
  const out = {};
  const values = { a: [1, 2, '1', 1.5, null, 1.0], b: ['1', 'x', 2, null, 'é'], c: [[1], 1, [null], ['x'], null],
    d: [{ w: 1 }, { h: 1 }, { w: 1, inner: { w: 'x' } }, { w: 1, colors: ['RED'] }, 3, { w: 1, x: 2 }], e: [true, false, 'x', null],
    f: ['RED', 'PINK', 1, null], g: [{ a: 1 }, { a: 1, b: 'x' }, {}, 1.5, [[1]], [1], { a: null }] };
  for (const [name, list] of Object.entries(values)) if (chance(75)) out[name] = pick(list);
  return out;
}
