// GraphQL over fetch, and subscriptions over graphql-transport-ws.

export async function send(request, headers = {}) {
  const began = performance.now();
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json;q=0.9', ...headers },
    body: JSON.stringify(request),
  }).catch(() => { throw new Error('The gateway cannot be reached.'); });
  const body = await response.json().catch(() => ({ title: 'the answer is not JSON' }));
  return { status: response.status, ms: performance.now() - began, body };
}

// Calls next(response) for each, then end(why): why is null if all is well. Returns what stops it.
export function subscribe(request, token, { next, end }) {
  const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws');
  let over = false;
  const finish = (why) => {
    if (over) return;
    over = true;
    socket.close(1000);
    end(why);
  };
  const say = (message) => socket.send(JSON.stringify(message));
  socket.onopen = () => say({ type: 'connection_init',
    payload: token ? { authorization: `Bearer ${token}` } : undefined });
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (over) return;
    if (message.type === 'connection_ack') say({ type: 'subscribe', id: '1', payload: request });
    if (message.type === 'ping') say({ type: 'pong' });
    if (message.type === 'next') next(message.payload);
    if (message.type === 'error') finish(message.payload.map((e) => e.message).join('\n'));
    if (message.type === 'complete') finish(null);
  };
  socket.onclose = ({ code, reason }) => finish(`the connection was closed (${code}${reason && `, ${reason}`})`);
  return () => finish(null);
}

// The answer's one field, or an exception with the errors' texts.
export async function ask(query, variables, token) {
  const { status, body } = await send({ query, variables }, token ? { authorization: `Bearer ${token}` } : {});
  if (body.errors) throw new Error(body.errors.map((e) => e.message).join('\n'));
  if (!body.data) throw new Error(`${status}: ${body.detail ?? body.title}`); // the server's, not GraphQL's
  return Object.values(body.data)[0];
}
