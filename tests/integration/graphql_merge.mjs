// Puts the parts of a response together, and holds them to the protocol: whatever is told of was
// announced, belongs to what is there already, comes once, and ends once.
const at = (data, path) => path.reduce((value, key) => value?.[key], data);
const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

function merge(into, more, where, strict) {
  for (const [key, value] of Object.entries(more))
    if (!(key in into)) into[key] = value;
    else if (isObject(into[key]) && isObject(value)) merge(into[key], value, `${where}.${key}`, strict);
    else if (Array.isArray(into[key]) && Array.isArray(value) && into[key].length === value.length)
      value.forEach((item, i) => {
        if (isObject(item) && isObject(into[key][i])) merge(into[key][i], item, `${where}.${key}.${i}`, strict);
        else if (strict && item !== null) throw new Error(`${where}.${key}.${i} comes twice`);
      });
    else if (strict) throw new Error(`${where}.${key} comes twice`);
}

// { data, errors, failed: [{ path, label, errors }], announced: [...] }
export function together(parts, strict = true) {
  const [first, ...rest] = structuredClone(parts);
  const open = new Map(), seen = new Set(), announced = [], failed = [], errors = [...(first.errors ?? [])];
  const must = (ok, what) => { if (strict && !ok) throw new Error(what); };
  const announce = (part) => {
    for (const pending of part.pending ?? []) {
      must(!seen.has(pending.id), `${pending.id} is announced twice`);
      seen.add(pending.id);
      open.set(pending.id, pending);
      announced.push(pending);
    }
  };
  must(rest.length ? first.hasNext === true : !('hasNext' in first), 'hasNext of the first part');
  announce(first);
  for (const pending of open.values()) must(at(first.data, pending.path) !== undefined, `nothing is at ${pending.path}`);
  rest.forEach((part, i) => {
    must(part.hasNext === i < rest.length - 1, `hasNext of part ${i + 1}`);
    announce(part);
    must(part.incremental || part.completed, `part ${i + 1} says nothing`);
    for (const { id, subPath = [], data, items, errors: own = [] } of part.incremental ?? []) {
      const pending = open.get(id);
      must(pending, `${id} is not announced`);
      errors.push(...own);
      const place = at(first.data, [...pending.path, ...subPath]);
      must(place && typeof place === 'object', `nothing is at ${[...pending.path, ...subPath]}`);
      if (items) place.push(...items);
      else merge(place, data, [...pending.path, ...subPath].join('.'), strict);
    }
    for (const { id, errors: own } of part.completed ?? []) {
      const pending = open.get(id);
      must(pending, `${id} ends, and is not open`);
      open.delete(id);
      if (own) failed.push({ path: pending.path, label: pending.label, errors: own });
    }
  });
  must(open.size === 0, `${[...open.keys()]} never end`);
  return { data: first.data, errors, failed, announced };
}
