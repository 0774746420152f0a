// Every difference from the reference implementation that is meant to be, with its reason. A document
// may differ only as one of these says; the test counts how often each was needed.
const mentions = (...words) => ({ request }) => words.some((word) => JSON.stringify(request).includes(word));
const says = (pattern) => ({ want, got }) =>
  [...want.errors, ...(got.errors ?? [])].some((error) => pattern.test(error.message));

// Up to what it shows of the text.
const told = ([error]) => [error?.message.replace(/"[^]*$/, ''), JSON.stringify(error?.locations)].join();

export const notes = [
  { why: 'what a syntax error shows of a text is cut at 100 bytes here, and printable',
    when: ({ want, got }) => /^Syntax Error: /.test(want.errors[0]?.message) && told(want.errors) === told(got.errors ?? []) },
  { why: 'Money and DateTime check their input here; a scalar without code takes anything there',
    when: (d) => /Money|DateTime/.test(JSON.stringify([d.got, d.want.errors.map((e) => e.message)])) ||
      mentions('money', 'when', 'price', 'now')(d) },
  { why: 'fields are not compared when fragments go in circles: nothing follows a circle here',
    when: says(/^Cannot spread fragment .* within itself/), only: 'conflict' },
];

// What is not compared at all:
// - which pair of several conflicting fields is named: here one pair for each response key, there
//   every pair; that there is a conflict is compared;
// - documents over one of our limits: there are none there.

// Of schemas.
export const schemaNotes = [
  { why: 'default values are checked against their types here; there they are not',
    when: (text) => /they take it; we say .* The default value of/.test(text) },
  { why: 'a directive within its own definition is refused here, as the specification says; there it is not',
    when: (text) => /they take it; we say .* Directive @\w+ cannot be used within its own definition/.test(text) },
];
