// Every audit of graphql-http is a case; all 61 must pass, also those that are only a SHOULD or MAY.
//   audit.mjs URL NODE_DIR
import { createRequire } from 'node:module';

const [url, nodeDir] = process.argv.slice(2);
const { serverAudits } = createRequire(nodeDir + '/package.json')('graphql-http');
const audits = serverAudits({ url });
let failed = audits.length === 61 ? 0 : 1;

console.log(`1..${audits.length}`);
for (const [i, audit] of audits.entries()) {
  const result = await audit.fn();
  const ok = result.status === 'ok';
  if (!ok) {
    failed++;
    console.log(`# ${result.reason}`);
    if (result.response) console.log(`# ${result.response.status} ${await result.response.text().catch(() => '')}`);
  }
  console.log(`${ok ? 'ok' : 'not ok'} ${i + 1} - ${audit.id} ${audit.name}`);
}
process.exit(failed ? 1 : 0);
