// Our functions under a Runtime API that is not ours, that of @vercel/fun. Prints TAP.
//   lambda_test.mjs FOLDER-OF-EXECUTABLES NODE_DIR
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [bin, nodeDir] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'ecom-lambda-'));
const pids = join(folder, 'pids');
process.env.XDG_CACHE_HOME = join(folder, 'cache');
let fun;
try {
  fun = createRequire(nodeDir + '/package.json')('@vercel/fun');
} catch {
  if (process.env.CI === 'true') throw new Error('npm @vercel/fun is not installed in ' + nodeDir);
  console.log('1..0 # SKIP npm @vercel/fun is not installed');
  process.exit(0);
}

const order = (id, amount = 19.99) => ({ type: 'ORDER_CREATED', id: `e-${id}`, orderId: id, userId: 'u-1',
  time: '2026-01-01T00:00:00Z', amount, currency: 'USD' });

async function makeFunction(name) {
  const code = mkdtempSync(join(folder, name));
  writeFileSync(join(code, 'bootstrap'), `#!/bin/sh\necho $$ >>${pids}\nexec ${join(bin, name)}\n`);
  chmodSync(join(code, 'bootstrap'), 0o755);
  const fn = await fun.createFunction({ Code: { Directory: code }, Handler: 'bootstrap', Runtime: 'provided',
    Environment: { Variables: { LOG_LEVEL: 'off' } }, MemorySize: 128, Timeout: 60 });
  const invoke = async (event) => {
    const answer = await fn.invoke({ FunctionName: name, InvocationType: 'RequestResponse',
      Payload: typeof event === 'string' ? event : JSON.stringify(event) });
    return { failed: answer.FunctionError, result: JSON.parse(answer.Payload.toString()) };
  };
  return { invoke, end: () => fn.destroy() };
}

const cases = {
  async an_order_is_paid_and_told_of() {
    const pay = await makeFunction('payment-lambda'), tell = await makeFunction('notification-lambda');
    const paid = await pay.invoke(order('o-1'));
    const told = await tell.invoke(paid.result);
    await pay.end();
    await tell.end();
    return !paid.failed && paid.result.type === 'PAYMENT_COMPLETED' && told.result.status === 'SENT' &&
      told.result.id === paid.result.id;
  },
  async invocations_follow_each_other_and_errors_are_errors() {
    const pay = await makeFunction('payment-lambda');
    const results = [];
    for (let i = 0; i < 20; i++) results.push(await pay.invoke(i % 5 ? order(`o-${i}`) : '{"type":'));
    await pay.end();
    return results.every(({ failed, result }, i) => i % 5
      ? !failed && result.orderId === `o-${i}`
      : failed === 'Handled' && result.errorType === 'INVAL');
  },
  async a_batch_is_answered_one_by_one() {
    const pay = await makeFunction('payment-lambda');
    const { result } = await pay.invoke([order('o-1'), order('o-2', 19.13), {}]);
    await pay.end();
    return result.map((r) => r.type ?? r.errorType).join() === 'PAYMENT_COMPLETED,PAYMENT_FAILED,INVAL';
  },
};

// After an error, fun starts another process and forgets the one before, which goes on asking.
function endProcesses() {
  for (const pid of readFileSync(pids, 'utf8').trim().split('\n')) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch { /* gone already */ }
  }
}

let number = 0, failed = 0;
for (const [name, run] of Object.entries(cases)) {
  let ok = false;
  try {
    ok = await run();
  } catch (error) {
    console.log(`# ${error.stack.replace(/\n/g, '\n# ')}`);
  }
  failed += !ok;
  console.log(`${ok ? 'ok' : 'not ok'} ${++number} - ${name}`);
}
endProcesses();
rmSync(folder, { recursive: true, force: true });
console.log(`1..${number}`);
process.exit(failed ? 1 : 0);
