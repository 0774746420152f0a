// What tests against the reference implementation begin with: its package, and our tool to ask.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

// Where the package is not there the test is skipped; in CI only if this Node.js is too old for it.
export function load(nodeDir, reference) {
  try {
    return createRequire(nodeDir + '/package.json')(reference);
  } catch (error) {
    const old = error.code !== 'MODULE_NOT_FOUND' && Number(process.versions.node.split('.')[0]) < 22;
    if (process.env.CI === 'true' && !old) throw error;
    console.log(`1..0 # SKIP npm ${reference} ${old ? 'asks for a later Node.js' : 'is not installed'}`);
    process.exit(0);
  }
}

export function ask(tool, args, requests) {
  const input = requests.map((r) => JSON.stringify(r) + '\n').join('');
  const run = spawnSync(tool, args, { input, maxBuffer: 1 << 30 });
  if (run.status !== 0) throw new Error(`the tool ended with ${run.status ?? run.signal}: ${run.stderr}`);
  return run.stdout.toString().trimEnd().split('\n').map((line) => JSON.parse(line));
}

export const place = (error) => (error.locations ?? []).map((l) => `${l.line}:${l.column}`).join(',');

// With the keys of all objects in order.
export const sorted = (v) => (Array.isArray(v) ? v.map(sorted) : v && typeof v === 'object'
  ? Object.fromEntries(Object.keys(v).sort().map((k) => [k, sorted(v[k])])) : v);
