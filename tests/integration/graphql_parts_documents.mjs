// Documents with @defer and @stream for the schema of tests/unit/graphql_world.c, most of them valid.
import { below, chance, pick } from './graphql_chance.mjs';

const persons = ['id', 'name', 'name', 'age', 'age', 'secret', 'tags', 'upper: name(upper: true)', 'best', 'friends', 'friends', 'friends', '__typename'];
const fields = {
  Query: ['hello', 'people', 'people', 'person', 'node', 'people', 'person', 'search', 'search', 'node', 'fails', 'failsHard', 'broken', 'price', '__typename'],
  Person: persons,
  Robot: ['id', 'name', 'volts', 'owner', '__typename'],
  Node: ['id', '__typename'],
  Named: ['id', 'name', '__typename'],
  Found: ['__typename'],
};
const objects = { people: 'Person', person: 'Person', node: 'Node', search: 'Found', best: 'Person', friends: 'Person', strict: 'Person', owner: 'Person' };
const lists = ['people', 'search', 'friends', 'tags', 'broken'];
const conditions = { Query: ['Query'], Person: ['Person', 'Node', 'Named', 'Found'], Robot: ['Robot', 'Node', 'Named'],
  Node: ['Person', 'Robot', 'Named', 'Node', 'Found'], Named: ['Person', 'Robot', 'Node'], Found: ['Person', 'Robot', 'Named'] };
const fragmentTypes = { A: 'Query', B: 'Person', C: 'Person', D: 'Node', E: 'Found' };

let labels, spread, within;
const when = () => (chance(70) ? [] : [pick(['if: true', 'if: false', 'if: $yes', 'if: $no', 'if: $maybe'])]);
const label = () => (chance(60) ? [] : [`label: ${chance(2) ? pick(['null', '$text', '"L0"', '""']) : `"L${labels++}"`}`]);
const applied = (name, args) => ` @${name}${args.length ? `(${args.join(', ')})` : ''}`;
const defer = () => (chance(55) ? applied('defer', [...when(), ...label()]) : '');
const other = () => (chance(6) ? pick([' @skip(if: $no)', ' @include(if: $yes)', ' @skip(if: $yes)', ' @include(if: false)']) : '');
const count = () => (chance(40) ? [] : [`initialCount: ${pick(['0', '1', '1', '2', '5', '$n', chance(8) ? '-1' : '1'])}`]);
const stream = (name) => (chance(lists.includes(name) ? 18 : 0.2) ? applied('stream', [...when(), ...label(), ...count()]) : '');

function field(text, depth) {
  const name = text.split(/[:(]/)[0];
  const args = name === 'person' || name === 'node' ? `(id: ${pick([1, 2, 3, 4, 9])})` : name === 'friends' && chance(20) ? '(first: 1)' : '';
  // (__typename has no type there, so that nothing conflicts with it.)
  const alias = name === '__typename' ? '' : chance(12) ? pick(['x: ', 'y: ']) : lists.includes(name) && chance(50) ? `${name}${below(9)}: ` : '';
  return (text.includes(':') ? text : alias + text) + args + stream(name) + other() +
    (objects[name] ? ` { ${selections(objects[name], depth + 1)} }` : '');
}

function selections(type, depth) {
  const out = [], room = depth > 4 ? fields[type].filter((f) => !objects[f]) : fields[type];
  for (let n = 1 + below(depth > 3 ? 2 : 4); n > 0; n--) {
    const kind = below(100);
    if (kind < 30 && depth < 5) {
      const to = chance(40) ? null : pick(conditions[type]);
      out.push(`...${to ? ` on ${to}` : ''}${defer()}${other()} { ${selections(to ?? type, depth + 1)} }`);
    } else if (kind < 45) {
      const names = Object.keys(fragmentTypes).filter((f) => f > within && conditions[type].includes(fragmentTypes[f]));
      const name = names.length ? pick(names) : null;
      if (!name) continue;
      spread.add(name);
      out.push(`...${name}${defer()}${other()}`);
    } else {
      out.push(field(pick(room), depth));
    }
  }
  return out.length ? out.join(' ') : '__typename';
}

export function partsDocument() {
  labels = 1;
  spread = new Set();
  within = '';
  const mutation = chance(4);
  const body = mutation ? `append(n: 1) ${chance(20) ? '... @defer { z: append(n: 2) }' : ''} w: append(n: 3)${chance(20) ? ' @stream' : ''}` : selections('Query', 0);
  const done = new Set(), fragments = [];
  for (let name; (name = [...spread].find((n) => !done.has(n)));) {
    done.add(name);
    within = name;
    fragments.push(`fragment ${name} on ${fragmentTypes[name]} { ${selections(fragmentTypes[name], 3)} }`);
  }
  const all = body + fragments.join(' ');
  const types = { yes: 'Boolean!', no: 'Boolean! = false', maybe: 'Boolean', n: 'Int!', text: 'String' };
  const used = Object.keys(types).filter((v) => new RegExp(`\\$${v}\\b`).test(all)).map((v) => `$${v}: ${types[v]}`);
  return `${mutation ? 'mutation' : 'query'}${used.length ? ` (${used.join(', ')})` : ''} { ${body} } ${fragments.join(' ')}`;
}

export const partsVariables = () => ({ yes: true, ...(chance(20) ? { no: true } : {}), ...(chance(50) ? { maybe: chance(50) } : {}),
  n: pick([0, 1, 2, chance(20) ? -1 : 3]), text: 'T' });
