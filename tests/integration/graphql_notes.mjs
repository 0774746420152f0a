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

// What version 17 says in other words, put into those of 16, or both into what they have in common; ours go the same way.
export const laterWords = [
  { why: '17 writes where an argument belongs',
    from: /^Argument "(?:(?:\w+|<meta>)\.)?(@?\w+)\((\w+):\)" of type/, to: 'Field "$1" argument "$2" of type' },
  { why: 'the same', from: /^Directive "@?(\w+)" argument|^Field "@(\w+)" argument/, to: 'Field "$1$2" argument' },
  { why: '17 writes blanks inside braces', from: /\{ +| +\}/g, to: (blanks) => blanks.trim() },
  { why: 'null where none may be', from: /^Expected value of non-null type "(.*)" not to be null\.$/, to: 'Expected value of type "$1", found null.' },
  { why: 'the same of variables', from: /^(Variable ".*") has invalid value: Expected value of non-null type "(.*)" not to be null\.$/,
    to: '$1 of non-null type "$2" must not be null.' },
  { why: 'the same of variables that are left out', from: /^(Variable ".*") has invalid value: Expected a value of non-null type "(.*)" to be provided\.$/,
    to: '$1 of required type "$2" was not provided.' },
  { why: 'the same of arguments', from: /^Argument "\w+\.\w+\((\w+):\)" has invalid value: Expected variable ".*" provided to non-null type "(.*)" not to be null\.$/,
    to: 'Argument "$1" of non-null type "$2" must not be null.' },
  { why: 'the type of __type and __schema', from: / on field "(?:<meta>|Query)\.__/, to: ' on field "__' },
  { why: 'variables are shown by 16 as they came', from: /^(Variable ".*") got invalid value .*?(?: at "\w+([^"]*)")?; (.*)$/s,
    to: (_, name, at, what) => `${name} has invalid value${at ? ` at ${at}` : ''}: ${what}` },
  { why: 'one-of objects', from: /^Within OneOf Input Object type "(\w+)", exactly one field must be specified, and the value for that field must be non-null\.$|^OneOf Input Object "(\w+)" must specify exactly one key\.$/,
    to: 'OneOf $1$2' },
  { why: 'the same', from: /^Field "Pick\.\w+" must be non-null\.$/, to: 'OneOf Pick' },
  { why: 'what is no object', from: /^Expected value of type "(\w+)!?"(?: to be an object)?, found:? (.*)$/s, to: 'Expected value of type "$1", found $2' },
  { why: 'fields of input objects that are missing', from: /^Expected value of type "(\w+)" to include required field "(\w+)", found: .*$/s,
    to: 'Field "$1.$2" was not provided.' },
  { why: 'the same', from: /^(Field "\w+\.\w+") of required type ".*" was not provided\.$/, to: '$1 was not provided.' },
  { why: 'those that are unknown', from: /Expected value of type "(\w+)" not to include unknown field "(\w+)"\.?( Did you mean .*\?)? Found: .*$/s,
    to: 'Field "$2" is not defined by type "$1".$3' },
  { why: '17 guesses at what dots were meant to be', from: /^Syntax Error: (?:Unexpected "\.\.?", did you mean "\.\.\."\?|Invalid number, expected digit before "\.", did you mean .*)$/,
    to: 'Syntax Error: Unexpected character: ".".' },
];

export const laterNotes = [
  { why: '17 reads empty selection sets; the specification asks for a selection',
    when: ({ request, got }) => /\{(\s|,|#.*\n)*\}/.test(request.query) &&
      /^Syntax Error: Expected Name, found "}"/.test(got.errors?.[0].message) },
  { why: '17 says of a one-of object with a field that it does not know that none is given, 16 that it does not know it',
    when: says(/is not defined by type "Pick"|not to include unknown field/), only: 'errors' },
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
