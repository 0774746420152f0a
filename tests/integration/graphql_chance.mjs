// Chance from a seed: the same everywhere.
let state = 0n;
export const sow = (seed) => { state = BigInt(seed); };
export function below(n) {
  state = (state + 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn;
  let z = state;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & 0xffffffffffffffffn;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & 0xffffffffffffffffn;
  return Number((z ^ (z >> 31n)) % BigInt(n));
}
export const pick = (list) => list[below(list.length)];
export const chance = (percent) => below(100) < percent;
