// What client libraries see of the gateway, each case with one of them.
//   clients.mjs WORLD NODE_DIR     WORLD: {url, secret, ada: [id, token], eve: [id, token]}
import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';

const world = JSON.parse(process.argv[2]);
const require = createRequire(process.argv[3] + '/package.json');
const WebSocket = require('ws');
const ws = require('graphql-ws');
const sse = require('graphql-sse');
const apollo = require('@apollo/client');
const { GraphQLWsLink } = require('@apollo/client/link/subscriptions');
const incremental = require('@apollo/client/incremental');
const urql = require('@urql/core');

const wsUrl = world.url.replace('http:', 'ws:');
const [[adaId, ada], [, eve]] = [world.ada, world.eve];
const bearer = (token) => ({ authorization: `Bearer ${token}` });
const CREATE = `mutation CreateOrder($userId: String!, $amount: Float!) {
  createOrder(userId: $userId, amount: $amount) { id status userId amount } }`;
const WATCH = `subscription Watch($id: ID!) {
  orderStatusChanged(id: $id) { id type status orderId amount correlationId time reason order { id } } }`;

const PARTS = '{ me { id ... @defer(label: "mail") { email } } orders { nodes @stream { id status } } }';

function equal(got, want) {
  if (JSON.stringify(got) !== JSON.stringify(want))
    throw new Error(`want ${JSON.stringify(want)}, got ${JSON.stringify(got)}`);
}

async function post(query, variables, token, headers = {}) {
  const response = await fetch(world.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && bearer(token)), ...headers },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}
const order = async (amount = 20) =>
  (await post(CREATE, { userId: adaId, amount }, ada)).data.createOrder.id;

function wsClient(token) {
  return ws.createClient({ url: wsUrl, webSocketImpl: WebSocket, retryAttempts: 0,
    connectionParams: token ? bearer(token) : undefined });
}

// The first results of an iterable that `done` is true of together.
async function collect(results, done) {
  const seen = [];
  for await (const result of results) {
    seen.push(result);
    if (done(seen)) return seen;
  }
  throw new Error(`it ended with ${JSON.stringify(seen)}`);
}

// A raw socket: what it says until it is closed.
function raw(messages, protocol = 'graphql-transport-ws', heard = () => {}) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(wsUrl, protocol);
    const said = [];
    socket.on('open', () => messages.forEach((m) => socket.send(m)));
    socket.on('message', (m) => { said.push(JSON.parse(m)); heard(said.at(-1)); });
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason), said }));
    socket.on('error', reject);
  });
}
const INIT = '{"type":"connection_init"}';

function jwt(sub, seconds) {
  const now = Math.floor(Date.now() / 1000);
  const encode = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub, email: 'a@b.c',
    iss: 'libecom', jti: 'x', iat: now, exp: now + seconds })}`;
  return `${text}.${createHmac('sha256', world.secret).update(text).digest('base64url')}`;
}

function wayOf(events, id) {
  equal(events.map((e) => [e.type, e.status, e.orderId]),
    [['ORDER_CREATED', 'PENDING', id], ['PAYMENT_COMPLETED', 'PAID', id]]);
  equal(new Set(events.map((e) => e.correlationId)).size, 1);
  equal(events.every((e) => e.id && e.correlationId && !Number.isNaN(Date.parse(e.time))), true);
}

const cases = {
  async graphql_ws_answers_queries_and_mutations() {
    const client = wsClient(ada);
    const [me] = await collect(client.iterate({ query: '{ me { id } }' }), () => true);
    equal(me, { data: { me: { id: adaId } } });
    const [made] = await collect(
      client.iterate({ query: CREATE, variables: { userId: adaId, amount: 5 } }), () => true);
    equal(made.data.createOrder.status, 'PENDING');
    await client.dispose();
  },

  async graphql_ws_sees_an_orders_way() {
    const client = wsClient(ada), id = await order();
    const seen = await collect(client.iterate({ query: WATCH, variables: { id } }),
      (r) => r.length === 2);
    wayOf(seen.map((r) => r.data.orderStatusChanged), id);
    equal(seen[0].data.orderStatusChanged.order, { id });
    await client.dispose();
  },

  async graphql_ws_sees_all_own_orders_and_no_others() {
    const client = wsClient(eve);
    const results = client.iterate({ query: 'subscription { orderEvents { type orderId } }' });
    const first = results.next();
    await collect(client.iterate({ query: '{ __typename }' }), () => true); // it has begun by now
    await order();
    const [eveId] = world.eve;
    const mine = (await post(CREATE, { userId: eveId, amount: 3.13 }, eve)).data.createOrder.id;
    const events = [(await first).value, (await results.next()).value]
      .map((r) => r.data.orderEvents);
    equal(events, [{ type: 'ORDER_CREATED', orderId: mine },
      { type: 'PAYMENT_FAILED', orderId: mine }]);
    await results.return();
    await client.dispose();
  },

  async anothers_order_is_not_there() {
    const client = wsClient(eve), id = await order();
    const [result] = await collect(client.iterate({ query: WATCH, variables: { id } }),
      () => true).catch((errors) => [errors]);
    equal([result[0].extensions.code, result[0].path], ['NOT_FOUND', ['orderStatusChanged']]);
    await client.dispose();
  },

  async who_has_no_token_may_query_but_not_subscribe() {
    const client = wsClient();
    const [answer] = await collect(
      client.iterate({ query: '{ products { nodes { id } } }' }), () => true);
    equal(answer, { data: { products: { nodes: [] } } });
    const errors = await collect(client.iterate({ query: 'subscription { orderEvents { id } }' }),
      () => true).catch((e) => e);
    equal(errors[0].extensions.code, 'UNAUTHENTICATED');
    await client.dispose();
  },

  async sockets_are_closed_with_the_codes_of_the_protocol() {
    const subscribe = '{"id":"1","type":"subscribe","payload":{"query":"{ __typename }"}}';
    const lasting = '{"id":"1","type":"subscribe","payload":{"query":"subscription { orderEvents { id } }"}}';
    const login = JSON.stringify({ type: 'connection_init', payload: bearer(ada) });
    const bad = `{"type":"connection_init","payload":{"Authorization":"Bearer x.y.z"}}`;
    const closed = await Promise.all([
      raw(['hello']), raw([subscribe]), raw([bad]), raw([], []), raw([]),
      raw([login, lasting, lasting]), raw([INIT, INIT]), raw([Buffer.from([1, 2])]),
    ]);
    equal(closed.map((c) => c.code), [4400, 4401, 4403, 4406, 4408, 4409, 4429, 4400]);
    equal(closed.every((c) => c.reason), true);
  },

  async frames_of_every_kind_from_another_make_are_understood() {
    const socket = new WebSocket(wsUrl, 'graphql-transport-ws');
    const heard = [], got = (what) => new Promise((resolve) => { heard.push([what, resolve]); });
    const hear = (what, value) => {
      const i = heard.findIndex(([wanted]) => wanted === what);
      if (i >= 0) heard.splice(i, 1)[0][1](value);
    };
    socket.on('open', () => hear('open'));
    socket.on('pong', (data) => hear('pong', String(data)));
    socket.on('message', (m, binary) => hear('message', [binary, JSON.parse(m)]));
    await got('open');
    equal(socket.extensions, '');
    for (const payload of ['', 'x', 'é'.repeat(62) + 'x']) { // 125 bytes
      const pong = got('pong');
      socket.ping(payload);
      equal(await pong, payload);
    }
    const acked = got('message');
    INIT.split('').forEach((c, i) => { // a frame a byte, and one of another kind between
      socket.send(c, { fin: i === INIT.length - 1 });
      if (i === 5) socket.ping('between');
    });
    equal(await acked, [false, { type: 'connection_ack' }]);
    for (const bytes of [125, 126, 65535, 65536, 262144]) { // where lengths are written otherwise; the most there may be
      const message = (pad) => JSON.stringify({ id: '1', type: 'subscribe', payload: { query: '{ __typename }#' + pad } });
      const answer = got('message'), complete = got('message');
      socket.send(message('x'.repeat(bytes - message('').length)));
      equal((await answer)[1].payload, { data: { __typename: 'Query' } });
      await complete;
    }
    const closed = new Promise((resolve) => { socket.on('close', (code) => resolve(code)); });
    socket.close(3456, 'enough');
    equal(await closed, 3456);
  },

  async frames_that_break_the_rules_close_with_the_codes_of_the_rfc() {
    const after = (act) => new Promise((resolve) => {
      const socket = new WebSocket(wsUrl, 'graphql-transport-ws');
      socket.on('open', () => act(socket));
      socket.on('close', (code) => resolve(code));
      socket.on('error', () => {}); // our end, when the other is gone
    });
    const cut = Buffer.from('é').subarray(0, 1);
    equal(await Promise.all([
      after((s) => s.send(INIT, { mask: false })),
      after((s) => s.send(Buffer.from([0xff]), { binary: false })),
      after((s) => s.send(cut, { binary: false })),
      after((s) => { s.send(cut, { binary: false, fin: false }); s.send('x'); }),
      after((s) => { s.send('{', { fin: false }); s._sender._firstFragment = true; s.send('{', { fin: false }); }),
      after((s) => s.send(Buffer.alloc(262145, 0x20), { binary: false })),
      after((s) => s._socket.write(Buffer.from([0xc1, 0x80, 0, 0, 0, 0]))), // a reserved bit
      after((s) => s._socket.write(Buffer.from([0x83, 0x80, 0, 0, 0, 0]))), // a reserved opcode
      after((s) => s._socket.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 3, 237]))), // 1005 is not to be sent
      after((s) => s._socket.write(Buffer.from([0x88, 0x80, 0, 0, 0, 0]))), // no code
    ]), [1002, 1007, 1007, 1007, 1002, 1009, 1002, 1002, 1002, 1005]);
  },

  async a_token_that_expires_ends_the_connection() {
    const until = (seconds) => raw([
      JSON.stringify({ type: 'connection_init', payload: bearer(jwt(adaId, seconds)) }),
      '{"id":"1","type":"subscribe","payload":{"query":"subscription { orderEvents { id } }"}}',
    ]);
    let seconds = 3, closed;
    do closed = await until(seconds *= 2); while (!closed.said.length && seconds < 30); // too slow to begin
    const { code, reason, said } = closed;
    equal([code, reason, said], [4403, 'the token has expired', [{ type: 'connection_ack' }]]);
  },

  async one_operation_more_than_the_bound_is_refused_by_name() {
    const subscribe = (i) => JSON.stringify({ id: `${i}`, type: 'subscribe',
      payload: { query: 'subscription { orderEvents { id } }' } });
    const socket = new WebSocket(wsUrl, 'graphql-transport-ws');
    const refused = new Promise((resolve) => {
      socket.on('message', (m) => JSON.parse(m).type === 'error' && resolve(JSON.parse(m)));
    });
    await new Promise((resolve) => socket.on('open', resolve));
    socket.send(JSON.stringify({ type: 'connection_init', payload: bearer(ada) }));
    for (let i = 0; i < 101; i++) socket.send(subscribe(i));
    const { id, payload } = await refused;
    equal([id, /max_operations/.test(payload[0].message)], ['100', true]);
    socket.close();
  },

  async one_connection_more_than_the_bound_is_refused_by_name() {
    const open = [];
    const connect = () => new Promise((resolve) => {
      const socket = new WebSocket(wsUrl, 'graphql-transport-ws');
      socket.on('open', () => { open.push(socket); resolve(0); });
      socket.on('unexpected-response', (_, response) => {
        response.setEncoding('utf8').on('data', (text) => resolve([response.statusCode, text]));
      });
      socket.on('error', () => {});
    });
    let refused, metrics;
    do { // again, while one of the case before had not ended yet
      do refused = await connect(); while (!refused && open.length < 13);
      equal([refused[0], /GATEWAY_MAX_STREAMS/.test(refused[1])], [429, true]);
      metrics = await (await fetch(new URL('/metrics', world.url))).text();
    } while (open.length < 12);
    equal(/^ecom_gateway_streams 12$/m.test(metrics), true);
    open.forEach((socket) => socket.close());
    while (await connect()) await new Promise((resolve) => setTimeout(resolve, 20));
    open.forEach((socket) => socket.close());
  },

  async graphql_sse_answers_queries_and_sees_an_orders_way() {
    const client = sse.createClient({ url: world.url, headers: bearer(ada), retryAttempts: 0 });
    const [me] = await collect(client.iterate({ query: '{ me { id } }' }), () => true);
    equal(me, { data: { me: { id: adaId } } });
    const id = await order();
    const seen = await collect(client.iterate({ query: WATCH, variables: { id } }),
      (r) => r.length === 2);
    wayOf(seen.map((r) => r.data.orderStatusChanged), id);
    const [refused] = await collect(client.iterate({ query: '{ nothing }' }), () => true);
    equal(/Cannot query field/.test(refused.errors[0].message), true);
    client.dispose();
  },

  async sse_goes_on_behind_the_last_event_that_was_seen() {
    const id = await order();
    const query = `subscription { orderStatusChanged(id: "${id}") { type } }`;
    const listen = async (headers, n) => {
      const stop = new AbortController();
      const response = await fetch(`${world.url}?query=${encodeURIComponent(query)}`,
        { headers: { accept: 'text/event-stream', ...bearer(ada), ...headers }, signal: stop.signal });
      equal([response.status, response.headers.get('content-type')], [200, 'text/event-stream']);
      let text = '';
      for await (const chunk of response.body) {
        text += Buffer.from(chunk);
        if (text.split('event: next').length > n && text.endsWith('\n\n')) break;
      }
      stop.abort();
      return [...text.matchAll(/^id: (.*)\ndata: (.*)$/gm)]
        .map(([, at, data]) => [at, JSON.parse(data).data.orderStatusChanged.type]);
    };
    const both = await listen({}, 2);
    equal(both.map(([, type]) => type), ['ORDER_CREATED', 'PAYMENT_COMPLETED']);
    equal(await listen({ 'last-event-id': both[0][0] }, 1), [both[1]]);
  },

  async sse_runs_no_mutation_by_get_and_takes_no_form_and_no_bad_token() {
    const get = await fetch(`${world.url}?query=mutation{login(email:"a",password:"b"){token}}`,
      { headers: { accept: 'text/event-stream' } });
    equal(/Can only perform a mutation operation from a POST/.test(await get.text()), true);
    const accept = { accept: 'text/event-stream' };
    const form = await fetch(world.url, { method: 'POST', headers: accept, body: 'query=1' });
    equal(form.status, 400);
    const token = await fetch(world.url, { headers: { ...accept, ...bearer('x.y.z') } });
    equal(token.status, 401);
  },

  async apollo_client_queries_mutates_and_subscribes() {
    const { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } = apollo;
    const socket = wsClient(ada);
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: ApolloLink.split(({ operationType }) => operationType === 'subscription',
        new GraphQLWsLink(socket), new HttpLink({ uri: world.url, headers: bearer(ada) })),
    });
    const me = await client.query({ query: gql('{ me { id } }') });
    equal(me.data.me.id, adaId);
    const made = await client.mutate({ mutation: gql(CREATE), variables: { userId: adaId, amount: 7 } });
    const { id } = made.data.createOrder;
    const events = [];
    await new Promise((resolve, reject) => {
      client.subscribe({ query: gql(WATCH), variables: { id } }).subscribe({
        next: ({ data, error }) => {
          if (error) reject(error);
          else if (events.push(data.orderStatusChanged) === 2) resolve();
        },
        error: reject,
      });
    });
    wayOf(events, id);
    client.stop();
    await socket.dispose();
  },

  async urql_queries_and_subscribes() {
    const socket = wsClient(ada);
    const client = new urql.Client({
      url: world.url,
      preferGetMethod: false,
      fetchOptions: { headers: bearer(ada) },
      exchanges: [urql.fetchExchange, urql.subscriptionExchange({
        forwardSubscription: (request) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ query: request.query, variables: request.variables }, sink),
          }),
        }),
      })],
    });
    equal((await client.query('{ me { id } }', {}).toPromise()).data.me.id, adaId);
    const id = await order(), events = [];
    await new Promise((resolve, reject) => {
      const { unsubscribe } = client.subscription(WATCH, { id }).subscribe(({ data, error }) => {
        if (error) reject(error);
        else if (events.push(data.orderStatusChanged) === 2) setTimeout(() => { unsubscribe(); resolve(); });
      });
    });
    wayOf(events, id);
    await socket.dispose();
  },

  async urql_subscribes_by_server_sent_events_too() {
    const client = new urql.Client({ url: world.url, preferGetMethod: false, fetchSubscriptions: true,
      fetchOptions: { headers: bearer(ada) }, exchanges: [urql.fetchExchange] });
    const id = await order(), events = [];
    await new Promise((resolve, reject) => {
      const { unsubscribe } = client.subscription(WATCH, { id }).subscribe(({ data, error }) => {
        if (error) reject(error);
        else if (events.push(data.orderStatusChanged) === 2) setTimeout(() => { unsubscribe(); resolve(); });
      });
    });
    wayOf(events, id);
  },

  async apollo_client_reads_parts_in_both_of_its_formats() {
    await order();
    for (const Handler of [incremental.GraphQL17Alpha9Handler, incremental.Defer20220824Handler]) {
      const client = new apollo.ApolloClient({ cache: new apollo.InMemoryCache(), incrementalHandler: new Handler(),
        link: new apollo.HttpLink({ uri: world.url, headers: bearer(ada) }) });
      const seen = [];
      await new Promise((resolve, reject) => client.watchQuery({ query: apollo.gql(PARTS), fetchPolicy: 'no-cache' }).subscribe({
        next(result) {
          seen.push(result);
          if (result.error) reject(result.error);
          else if (result.dataState === 'complete') resolve();
        },
        error: reject,
      }));
      const [first, last] = [seen.find((r) => r.dataState === 'streaming').data, seen.at(-1).data];
      equal([first.me.id, first.me.email, first.orders.nodes.length], [adaId, undefined, 0]);
      equal([last.me.id, last.me.email, last.orders.nodes.length > 0], [adaId, 'ada@example.com', true]);
    }
  },

  async urql_reads_fragments_and_with_a_header_lists() {
    await order();
    for (const accept of [undefined, 'multipart/mixed;deferSpec=20220824, application/json']) {
      const client = urql.createClient({ url: world.url, preferGetMethod: false, exchanges: [urql.fetchExchange],
        fetchOptions: { headers: { ...bearer(ada), ...(accept && { accept }) } } });
      const seen = [];
      await new Promise((resolve) => client.query(accept ? PARTS : PARTS.replace('@stream', ''), {}).subscribe((result) => {
        seen.push(structuredClone({ data: result.data, error: result.error?.message, hasNext: result.hasNext }));
        if (!result.hasNext) resolve();
      }));
      equal([seen[0].hasNext, seen[0].data.me.email, seen.at(-1).error], [true, undefined, undefined]);
      equal([seen.at(-1).data.me.email, seen.at(-1).data.orders.nodes.every((o) => o.id && o.status)], ['ada@example.com', true]);
      equal(seen.at(-1).data.orders.nodes.length > 0, true);
    }
  },

  async graphql_ws_and_graphql_sse_hear_each_part() {
    const socket = wsClient(ada);
    const events = sse.createClient({ url: world.url, headers: bearer(ada) });
    for (const client of [socket, events]) {
      const parts = [];
      for await (const part of client.iterate({ query: PARTS })) parts.push(part);
      equal([parts[0].hasNext, parts[0].pending.length, parts.at(-1).hasNext], [true, 2, false]);
      equal(parts.slice(1).flatMap((p) => p.completed ?? []).length, 2);
    }
    await socket.dispose();
    events.dispose();
  },

  async the_history_of_an_order_tells_of_its_notification() {
    const id = await order(20.13);
    const query = `{ order(id: "${id}") { events { id type status time correlationId reason text } } }`;
    let events;
    do events = (await post(query, {}, ada)).data.order.events; while (events.length < 3);
    equal(events.map((e) => [e.type, e.status]), [['ORDER_CREATED', 'PENDING'],
      ['PAYMENT_FAILED', 'PAYMENT_FAILED'], ['NOTIFICATION_SENT', 'PAYMENT_FAILED']]);
    equal([new Set(events.map((e) => e.correlationId)).size, !!events[1].reason, !!events[2].text],
      [1, true, true]);
  },

  async a_gateway_that_stops_says_so_to_all() {
    const login = JSON.stringify({ type: 'connection_init', payload: bearer(ada) });
    let listening;
    await new Promise((begun) => {
      listening = raw([login,
        '{"id":"1","type":"subscribe","payload":{"query":"subscription { orderEvents { id } }"}}',
        '{"id":"2","type":"subscribe","payload":{"query":"{ __typename }"}}'],
      undefined, ({ id, type }) => id === '2' && type === 'complete' && begun());
    });
    const response = await fetch(world.url, { method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...bearer(ada) },
      body: '{"query":"subscription { orderEvents { id } }"}' });
    process.kill(world.pid, 'SIGTERM');
    const { code, reason } = await listening;
    equal([code, reason, await response.text()], [1001, 'the server is stopping', '']);
  },
};

let failed = 0;
console.log(`1..${Object.keys(cases).length}`);
for (const [i, [name, run]] of Object.entries(cases).entries()) {
  let error;
  const late = new Promise((_, reject) => { setTimeout(reject, 120000, new Error('late')).unref(); });
  await Promise.race([run(), late]).catch((e) => { error = e; });
  if (error) {
    failed++;
    console.log(`${error.stack ?? JSON.stringify(error)}`.replace(/^/gm, '# '));
  }
  console.log(`${error ? 'not ok' : 'ok'} ${i + 1} - ${name}`);
}
process.exit(failed ? 1 : 0);
