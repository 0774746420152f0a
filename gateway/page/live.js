// An order's way: what the bus says of it, as it comes, and what its notification said.
import { ask, subscribe } from './client.js';

const WATCH = `subscription Watch($id: ID!) { orderStatusChanged(id: $id) {
  id type time status correlationId orderId amount currency paymentId reason } }`;
const PAST = `query Past($id: ID!) { order(id: $id) { events {
  id type time status correlationId text } } }`;
const STEPS = { ORDER_CREATED: 'order', PAYMENT_COMPLETED: 'payment', PAYMENT_FAILED: 'payment',
  NOTIFICATION_SENT: 'notification' };
const STATES = { ORDER_CREATED: 'created', PAYMENT_COMPLETED: 'completed', PAYMENT_FAILED: 'failed',
  NOTIFICATION_SENT: 'sent' };
const TRIES = 60, PAUSE_MS = 250; // for the notification, which is not on the bus

const $ = (id) => document.getElementById(id);
let stop = () => {}, first = null;

function put(parent, tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  parent.append(element);
  return element;
}

function reset(state) {
  first = null;
  $('events').replaceChildren();
  for (const name of ['order', 'payment', 'notification']) {
    const step = $(`step-${name}`);
    step.className = '';
    step.querySelector('.state').textContent = state;
    step.querySelector('dl').replaceChildren();
  }
}

function after(time) {
  first ??= Date.parse(time);
  return `+${Date.parse(time) - first} ms`;
}

function show(event) {
  const step = $(`step-${STEPS[event.type]}`), list = step.querySelector('dl');
  step.className = event.type === 'PAYMENT_FAILED' ? 'failed' : 'done';
  step.querySelector('.state').textContent = STATES[event.type];
  list.replaceChildren();
  const details = { at: event.time, after: after(event.time), 'correlation id': event.correlationId,
    order: event.orderId, amount: event.amount && `${event.amount} ${event.currency}`,
    payment: event.paymentId, reason: event.reason, text: event.text };
  for (const [name, value] of Object.entries(details))
    if (value) { put(list, 'dt', name); put(list, 'dd', value); }
  const row = document.createElement('tr');
  for (const cell of [event.time, after(event.time), event.type, event.status, event.correlationId ?? '', event.id ?? ''])
    put(row, 'td', cell);
  $('events').append(row);
}

async function awaitNotification(id, token, isCurrent) {
  for (let i = 0; i < TRIES && isCurrent(); i++) {
    const { events } = await ask(PAST, { id }, token);
    const sent = events.find((e) => e.type === 'NOTIFICATION_SENT');
    if (sent && isCurrent()) return show({ ...sent, orderId: id });
    await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
  }
  if (isCurrent()) $('step-notification').querySelector('.state').textContent = 'not heard of; watch the order again';
}

export function watch(id, token, tell) {
  stop();
  reset('waiting');
  let current = true;
  const seen = new Set();
  const fail = (why) => {
    tell(why, true);
    if (!seen.size) reset('no order');
  };
  const end = subscribe({ query: WATCH, variables: { id } }, token, {
    next: ({ data, errors }) => {
      const event = data?.orderStatusChanged;
      if (errors) fail(errors[0].message);
      if (!event || seen.has(event.id)) return;
      seen.add(event.id);
      show(event);
      if (STEPS[event.type] === 'payment')
        awaitNotification(id, token, () => current).catch((e) => tell(e.message, true));
    },
    end: (why) => { if (why && current) fail(why); },
  });
  stop = () => { current = false; end(); };
}
