// What a person does with the page; each case goes on where the last one left it.
//   page.mjs WORLD NODE_DIR     WORLD: {url, chromium, screenshots}
import { createRequire } from 'node:module';

const world = JSON.parse(process.argv[2]);
const { chromium } = createRequire(process.argv[3] + '/package.json')('playwright-core');

const browser = await chromium.launch({ executablePath: world.chromium,
  args: ['--no-sandbox', '--disable-dev-shm-usage'] });
const context = await browser.newContext({ viewport: { width: 1200, height: 640 }, colorScheme: 'light' });
const page = await context.newPage();
page.setDefaultTimeout(60000);
const complaints = [], elsewhere = [];
page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
page.on('pageerror', (e) => complaints.push(String(e)));
page.on('request', (r) => r.url().startsWith(world.url) || elsewhere.push(r.url()));

function equal(got, want) {
  if (JSON.stringify(got) !== JSON.stringify(want))
    throw new Error(`want ${JSON.stringify(want)}, got ${JSON.stringify(got)}`);
}
const text = (selector) => page.locator(selector).innerText();
const has = (selector, part) => page.locator(selector).filter({ hasText: part }).first().waitFor();
const labels = () => page.locator('#choices li').evaluateAll((l) => l.map((x) => x.firstChild.data));
async function shot(name) {
  if (world.screenshots) await page.screenshot({ path: `${world.screenshots}/${name}.png` });
}
async function write(query) {
  await page.fill('#query', '');
  await page.locator('#query').pressSequentially(query);
}

const cases = {
  async a_browser_gets_the_page_at_the_root_and_at_graphql() {
    for (const path of ['/graphql', '/']) {
      const response = await page.goto(world.url + path);
      equal([response.status(), response.headers()['content-type']], [200, 'text/html; charset=utf-8']);
      equal(/default-src 'none'.*script-src 'self';/.test(response.headers()['content-security-policy']), true);
      await page.waitForSelector('html[data-schema=read]');
    }
    const api = await fetch(`${world.url}/graphql?query={__typename}`, { headers: { accept: 'text/html, */*' } });
    equal(await api.json(), { data: { __typename: 'Query' } });
    equal((await fetch(`${world.url}/page/..%2fmain.c`)).status, 404);
  },

  async the_first_query_runs_by_the_keyboard() {
    await page.focus('#query');
    await page.keyboard.press('Control+Enter');
    await has('#answer', 'Green tea');
    equal(/^200, \d+ ms$/.test(await text('#outcome')), true);
  },

  async fields_arguments_and_values_are_completed_from_the_schema() {
    await write('{ ord');
    await page.keyboard.press('Control+Space');
    equal(await labels(), ['order', 'orders']);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    equal(await page.inputValue('#query'), '{ orders');
    await page.keyboard.type('(st');
    await page.keyboard.press('Control+Space');
    equal(await labels(), ['status', 'first']); // what begins with it, then what holds it
    await page.keyboard.press('Tab');
    await page.keyboard.type(': ');
    await page.keyboard.press('Control+Space');
    equal(await labels(), ['PENDING', 'PAID', 'PAYMENT_FAILED']);
    await page.keyboard.press('Escape');
    equal(await page.locator('#choices').isHidden(), true);
    await page.keyboard.type('PAID) { nodes { user { ');
    await page.keyboard.press('Control+Space');
    equal((await labels()).slice(0, 2), ['id', 'email']);
    await shot('page-editor-complete');
    await page.keyboard.press('Escape');
    await write('subscription { orderEvents { ... on Ord');
    await page.keyboard.press('Control+Space');
    equal((await labels())[0], 'Order');
    await page.keyboard.press('Escape');
  },

  async the_docs_follow_links_and_are_searched() {
    await page.click('#docs button:text-is("Subscription")');
    await has('#docs', 'orderStatusChanged(id: ID!): OrderEvent!');
    await page.click('#docs button:text-is("OrderEvent") >> nth=0');
    await has('#docs', 'Of the request that began it all.');
    equal(await page.locator('#trail button').allInnerTexts(), ['Schema', 'Subscription', 'OrderEvent']);
    await page.fill('#search', 'createorder');
    await has('#docs', 'Mutation.createOrder(userId: String!');
    await page.fill('#search', '');
  },

  async variables_and_headers_go_with_the_request() {
    await page.fill('#query', 'query Find($n: Int) { products(first: $n) { nodes { name } } }');
    await page.fill('#variables', '{"n": 1}');
    await page.fill('#headers', '{"x-correlation-id": "from-the-page"}');
    const [request] = await Promise.all([page.waitForRequest('**/graphql'), page.click('#run')]);
    equal(request.headers()['x-correlation-id'], 'from-the-page');
    await has('#answer', 'Teapot');
    equal((await text('#answer')).includes('Kettle'), false);
    await page.fill('#variables', 'nonsense');
    await page.click('#run');
    await has('#notice', 'variables are not JSON');
    equal(await text('#outcome'), '');
    await page.fill('#variables', '');
    await page.fill('#headers', '');
  },

  async errors_are_counted_beside_the_status() {
    const before = await page.inputValue('#query');
    await page.fill('#query', '{ me { id } user(id: "x") { id } }');
    await page.click('#run');
    await has('#outcome.bad', '200,');
    equal(/, 2 errors$/.test(await text('#outcome')), true);
    await page.fill('#query', before);
  },

  async who_is_not_logged_in_is_led_there() {
    await page.click('#tab-live');
    equal(await page.locator('#steps .state').allInnerTexts(), ['no order', 'no order', 'no order']);
    await page.click('#place button');
    await has('#notice.bad', 'Log in or register first.');
    equal(await page.evaluate(() => document.activeElement.name), 'email');
    await page.click('#tab-editor');
    equal(await text('#notice'), '');
  },

  async history_brings_back_what_was_run_also_after_a_reload() {
    await page.reload();
    await page.waitForSelector('html[data-schema=read]');
    await page.click('#past summary');
    await page.click('#history button:has-text("query Find")');
    equal(await page.inputValue('#variables'), '{"n": 1}');
    await page.reload();
    await page.waitForSelector('html[data-schema=read]');
    equal([await page.inputValue('#query'), await page.inputValue('#variables')],
      ['query Find($n: Int) { products(first: $n) { nodes { name } } }', '{"n": 1}']);
    await page.fill('#variables', '');
  },

  async a_login_that_fails_says_why_and_one_that_holds_fills_the_token() {
    await page.fill('#login [name=email]', 'ada@example.com');
    await page.fill('#login [name=password]', 'correct horse');
    await page.click('#login button >> nth=0');
    await has('#notice.bad', 'e-mail or password is wrong');
    await page.focus('#register');
    await page.keyboard.press('Enter');
    await has('#who', 'ada@example.com');
    equal(await page.evaluate(() => document.activeElement.id), 'logout'); // the form is gone
    await page.fill('#query', '{ me { email } }');
    await page.click('#run');
    await has('#answer', 'ada@example.com');
    await page.fill('#query', '# Ctrl Enter runs it\nquery Products($first: Int = 2) {\n  products(first: $first, search: "tea") {\n'
      + '    nodes { name price currency createdAt }\n    pageInfo { hasNextPage }\n  }\n}\n');
    await page.click('#run');
    await has('#answer', 'Green tea');
    await page.focus('#query');
    await shot('page-editor');
  },

  async a_subscription_of_the_editor_shows_events_as_they_come() {
    await page.fill('#query', 'subscription Mine { orderEvents { type status } }\n'
      + 'mutation Buy($me: String!) { createOrder(userId: $me, amount: 5) { id } }');
    await page.evaluate(() => document.getElementById('query').setSelectionRange(3, 3));
    const socket = page.waitForEvent('websocket');
    await page.keyboard.press('Control+Enter');
    await socket; // what it subscribes to comes some time after: orders are made until one is heard of
    const { user, token } = await page.evaluate(() => JSON.parse(sessionStorage.getItem('session')));
    for (let i = 0; i < 600 && !(await text('#answer')).includes('ORDER_CREATED'); i++) {
      await fetch(`${world.url}/graphql`, { method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ query: `mutation { createOrder(userId: "${user.id}", amount: 5) { id } }` }) });
      await page.waitForTimeout(100);
    }
    await has('#answer', 'PAYMENT_COMPLETED');
    await page.click('#stop');
    await has('#outcome', 'ended');
  },

  async an_orders_way_is_shown_step_by_step_as_it_comes() {
    await page.focus('#tab-editor');
    await page.keyboard.press('ArrowRight');
    await page.waitForSelector('#live:not([hidden])');
    await page.click('#place button');
    for (const [step, state] of [['order', 'created'], ['payment', 'completed'], ['notification', 'sent']])
      await has(`#step-${step}.done .state`, state);
    equal(await page.locator('#events tr td:nth-child(3)').allInnerTexts(),
      ['ORDER_CREATED', 'PAYMENT_COMPLETED', 'NOTIFICATION_SENT']);
    const correlation = await page.locator('#events tr td:nth-child(5)').allInnerTexts();
    equal([new Set(correlation).size, correlation[0].length > 0], [1, true]);
    equal(await page.locator('#events tr td:nth-child(4)').allInnerTexts(), ['PENDING', 'PAID', 'PAID']);
    await has('#step-notification dl', 'was received');
    await shot('page-live');
  },

  async a_payment_that_fails_is_shown_so_also_for_an_order_that_was_made_before() {
    await page.fill('#place [name=amount]', '7.13');
    await page.click('#place button');
    await has('#step-payment.failed .state', 'failed');
    await has('#step-notification.done .state', 'sent');
    const id = (await text('#notice')).replace('Order ', '');
    await page.reload();
    await page.click('#tab-live');
    await page.fill('#watch [name=id]', 'nobody');
    await page.click('#watch button');
    await has('#notice.bad', 'no Order with this id');
    await has('#step-payment .state', 'no order');
    await page.fill('#watch [name=id]', id);
    await page.click('#watch button');
    await has('#step-payment.failed .state', 'failed');
  },

  async dark_and_narrow_are_fine_too() {
    await page.emulateMedia({ colorScheme: 'dark' });
    const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    equal(await back(), 'rgb(22, 19, 26)');
    await page.click('#tab-editor');
    await page.waitForSelector('html[data-schema=read]');
    await page.fill('#query', '{ me { email orders { nodes { id status amount events { type time } } } } }');
    await page.click('#run');
    await has('#answer', 'PAYMENT_FAILED');
    await shot('page-dark');
    await page.setViewportSize({ width: 420, height: 800 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    equal(width <= 420, true);
  },

  async everything_has_a_name_and_is_reached_by_the_keyboard() {
    const unnamed = await page.evaluate(() => [...document.querySelectorAll('button, input, textarea')]
      .filter((e) => !e.labels?.length && !e.textContent.trim() && !e.getAttribute('aria-label')).map((e) => e.outerHTML));
    equal(unnamed, []);
    await page.setViewportSize({ width: 1200, height: 640 });
    await page.focus('.skip');
    const seen = new Set();
    for (let i = 0; i < 30; i++) {
      await page.keyboard.press('Tab');
      seen.add(await page.evaluate(() => document.activeElement.id));
    }
    equal(['tab-editor', 'logout', 'run', 'query', 'variables', 'headers', 'answer', 'search', 'docs']
      .filter((id) => !seen.has(id)), []);
    await page.click('#logout');
    equal(await page.locator('#login').isVisible(), true);
    equal(await page.evaluate(() => document.activeElement.name), 'email');
  },

  async a_token_that_has_expired_is_no_login() {
    const session = (left) => page.evaluate((ms) => sessionStorage.setItem('session', JSON.stringify({ token: 'x',
      user: { id: 'u', email: 'old@example.com' }, expiresAt: new Date(Date.now() + ms).toISOString() })), left);
    await session(-1);
    await page.reload();
    await has('#notice.bad', 'The login has expired.');
    equal(await page.locator('#login').isVisible(), true);
    await session(3600000);
    await page.reload();
    await has('#who', 'old@example.com');
    await page.evaluate(() => { const now = Date.now; Date.now = () => now() + 3600001; });
    await page.fill('#query', '{ __typename }');
    await page.click('#run');
    await has('#answer', 'Query');
    await has('#notice.bad', 'The login has expired.');
    equal(await page.locator('#login').isVisible(), true);
  },

  async what_is_no_answer_of_graphql_is_told_in_words() {
    const other = await browser.newPage(); // a browser complains of what it cannot load
    await other.goto(world.url);
    const login = async (part) => {
      await other.fill('#login [name=email]', 'eve@example.com');
      await other.fill('#login [name=password]', 'long enough 1');
      await other.click('#login button >> nth=0');
      await other.locator('#notice.bad').filter({ hasText: part }).waitFor();
    };
    const answers = [
      [{ status: 429, contentType: 'application/problem+json', body: '{"title":"Too Many Requests","detail":"too often"}' },
        '429: too often'],
      [{ status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' }, '502: the answer is not JSON'],
    ];
    for (const [answer, want] of answers) {
      await other.route('**/graphql', (route) => route.fulfill(answer));
      await login(want);
    }
    await other.context().setOffline(true);
    await other.unroute('**/graphql');
    await login('The gateway cannot be reached.');
    await other.close();
  },

  async nothing_was_complained_of_and_nothing_fetched_from_elsewhere() {
    equal([complaints, elsewhere], [[], []]);
  },
};

let failed = 0;
console.log(`1..${Object.keys(cases).length}`);
for (const [i, [name, run]] of Object.entries(cases).entries()) {
  let error;
  await run().catch((e) => { error = e; });
  if (error) {
    failed++;
    console.log(`${error.stack ?? error}`.replace(/^/gm, '# '));
    if (complaints.length) console.log(`# ${complaints.join('\n').replace(/\n/g, '\n# ')}`);
  }
  console.log(`${error ? 'not ok' : 'ok'} ${i + 1} - ${name}`);
}
await browser.close();
process.exit(failed ? 1 : 0);
