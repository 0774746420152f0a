// The world of tests/unit/graphql_world.c, once more, for the reference implementation.
const people = [
  { __typename: 'Person', id: '1', name: 'Ann', age: 31, friends: [2, 3], tags: [['a', null], null] },
  { __typename: 'Person', id: '2', name: 'Bob', age: null, friends: [1] },
  { __typename: 'Person', id: '3', name: 'Cid', age: 77, friends: [1, 2] },
  { __typename: 'Robot', id: '4', name: 'R4', volts: 1.5 },
];
const byId = (id) => people.find((p) => p.id === String(id)) ?? null;
const fail = (text) => { throw new Error(text); };
const slice = (list, first) => (first === undefined || first === null ? list : list.slice(0, Math.max(0, first)));

export function makeSchema(gql, sdl) {
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
