// Texts of schemas, most of them right, with everything that the language has.
import { below, chance, pick } from './graphql_chance.mjs';

const some = (n, make) => Array.from({ length: n }, (_, i) => make(i));
const texts = ['Plain.', 'With "quotes".', 'Two\nlines', '  Indented\n    more\n  back', 'é 😀 \\ back', 'three """ of them',
  '', 'ends with a quote"', 'tab\there', ' leading', 'trailing ', '\n\nblank lines around\n\n'];
const quoted = (text) => JSON.stringify(text).replace(/[\u007f-\u009f]/g, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
const block = (text) => `"""${text.replace(/"""/g, '\\"""')}${/["\\]$/.test(text) ? '\n' : ''}"""`;
const described = (indent = '') => chance(70) ? '' : (chance(50) ? quoted(pick(texts)) : block(pick(texts))) + '\n' + indent;

export function schema() {
  const scalars = some(1 + below(2), (i) => 'S' + i), enums = some(1 + below(2), (i) => 'E' + i);
  const inputs = some(1 + below(3), (i) => 'In' + i), faces = some(below(4), (i) => 'Face' + i);
  const objects = ['Query', ...some(1 + below(4), (i) => 'T' + i)], unions = some(below(2), (i) => 'U' + i);
  const ins = ['Int', 'Float', 'String', 'Boolean', 'ID', ...scalars, ...enums, ...inputs];
  const outs = ['Int', 'String', 'Boolean', ...scalars, ...enums, ...faces, ...objects, ...unions];

  const wrap = (name, depth = 0) => depth < 2 && chance(20) ? `[${wrap(name, depth + 1)}]` + (chance(30) ? '!' : '') : name + (chance(25) ? '!' : '');
  const value = (type) => {
    if (type.endsWith('!')) return value(type.slice(0, -1));
    if (type.startsWith('[')) return chance(30) ? value(type.slice(1, -1)) : `[${some(below(3), () => value(type.slice(1, -1))).join(', ')}]`;
    if (/^E\d/.test(type)) return pick(['RED', 'GREEN']);
    if (/^In\d/.test(type)) return '{must: 1}';
    return { Int: '7', Float: '1.5', String: quoted(pick(texts)), Boolean: 'true', ID: '"x"' }[type] ?? '"any"';
  };
  const applied = (location) => {
    let out = '';
    if (chance(8)) out += ' @mark(by: "x")' + (chance(50) ? ' @mark(by: "y", n: [1, 2])' : '');
    if (chance(4)) out += ' @once';
    if (chance(6) && ['FIELD', 'VALUE'].includes(location)) out += pick([' @deprecated', ' @deprecated(reason: "old")', ' @deprecated(reason: "No longer supported")']);
    if (chance(1)) out += pick([' @nope', ' @once @once', ' @mark', ' @mark(by: "x", z: 1)', ' @skip(if: true)']);
    return out;
  };
  const argument = (i) => {
    const type = wrap(pick(ins));
    return `${described()}a${i}: ${type}${chance(35) ? ' = ' + value(type) : ''}${applied('ARGUMENT')}`;
  };
  const field = (name, type) => `  ${described('  ')}${name}${chance(30) ? `(${some(1 + below(2), argument).join(', ')})` : ''}: ${type}${applied('FIELD')}`;
  const face = (i) => {
    const above = faces.slice(0, chance(40) ? i : 0);
    return { name: faces[i], above, fields: [...above.flatMap((_, k) => [`  id${k}: ID!`]), `  id${i}: ID!`] };
  };
  const madeFaces = faces.map((_, i) => face(i));
  const parts = [];

  parts.push(`${described()}directive @mark(${described()}by: String!, n: [Int!] = [1]) repeatable on SCHEMA | SCALAR | OBJECT | FIELD_DEFINITION | ARGUMENT_DEFINITION | INTERFACE | UNION | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION | FIELD`);
  parts.push('directive @once on SCHEMA | SCALAR | OBJECT | FIELD_DEFINITION | ARGUMENT_DEFINITION | INTERFACE | UNION | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION | QUERY');
  for (const name of scalars) parts.push(`${described()}scalar ${name}${chance(30) ? ' @specifiedBy(url: "https://example.org/x")' : ''}${applied('SCALAR')}`);
  for (const name of enums) parts.push(`${described()}enum ${name}${applied('ENUM')} {\n  ${described('  ')}RED${applied('VALUE')}\n  GREEN${applied('VALUE')}\n}`);
  inputs.forEach((name, i) => {
    const oneOf = i > 0 && chance(20);
    const optional = (k) => { const type = wrap(pick(ins.filter((t) => !inputs.slice(i).includes(t)))).replace(/!$/, '');
      return `  ${described('  ')}f${k}: ${type}${!oneOf && chance(40) ? ' = ' + value(type) : ''}${applied('FIELD')}`; };
    parts.push(`${described()}input ${name}${oneOf ? ' @oneOf' : ''}${applied('INPUT')} {\n  must: Int${oneOf ? '' : '!'}\n${some(below(3), optional).join('\n')}\n}`);
  });
  for (const { name, above, fields } of madeFaces)
    parts.push(`${described()}interface ${name}${above.length ? ' implements ' + above.join(' & ') : ''}${applied('INTERFACE')} {\n${[...new Set(fields)].join('\n')}\n}`);
  for (const name of objects) {
    const mine = madeFaces.filter(() => chance(30));
    const all = [...new Set(mine.flatMap((f) => [...f.above, f.name]))];
    const ids = faces.flatMap((f, i) => (all.includes(f) ? [`  id${i}: ID!`] : []));
    parts.push(`${described()}type ${name}${all.length ? ' implements ' + all.join(' & ') : ''}${applied('OBJECT')} {\n${[...ids, ...some(1 + below(4), (i) => field('f' + i, wrap(pick(outs))))].join('\n')}\n}`);
    if (chance(25)) parts.push(`extend type ${name}${applied('OBJECT')} {\n${field('more', wrap(pick(outs)))}\n}`);
  }
  for (const name of unions) parts.push(`${described()}union ${name}${applied('UNION')} = ${objects.filter((_, i) => i === 1 || chance(40)).join(' | ')}`);
  if (chance(30)) parts.push(`${described()}schema${applied('SCHEMA')} { query: Query ${objects[1] && chance(40) ? 'mutation: ' + objects[1] : ''} }`);
  else if (chance(20)) parts.push('extend schema @mark(by: "me")');

  let text = (chance(50) ? parts : parts.reverse()).join('\n\n') + '\n';
  if (chance(12)) text = text.replace(...pick([['ID!', 'Nope'], ['input In0', 'type In0'], ['RED', 'GREEN'], [': Int', ': In0'], ['type T0', 'type Query'],
    ['implements', 'implements T0 &'], ['scalar S0', 'scalar E0'], ['union', 'extend union'], ['f0', 'f1'], ['f0', '__f0'], [': ID!', ': ID'],
    ['by: String!', 'by: String! @mark(by: "x")'], ['must: Int!', 'must: In0!']]));
  return text;
}
