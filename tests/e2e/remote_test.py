"""The way of an order with payment and notification as functions of AWS Lambda, invoked by the
workers on the local one; with what goes wrong there. Prints TAP."""
import contextlib
import json
import os
import random
import signal
import sqlite3
import tempfile
import time

from local_lambda import NOTIFICATION, PAYMENT, Lambda, python_function
from shop import Shop, equal, run_tests, wait_until

REMOTE = {'PAYMENT_LAMBDA_NAME': 'pay:live',
          'NOTIFICATION_LAMBDA_NAME': 'arn:aws:lambda:eu-central-1:000000000000:function:tell',
          'LOG_LEVEL': 'error'}
# A payment function whose provider takes the money, once for each order, before it is late once.
LATE = '''
import os, time

def handle(event, context):
    order, folder = event['orderId'], os.environ['LEDGER']
    paid = os.path.join(folder, order)
    late = not os.path.exists(paid)
    with open(paid, 'a') as file:
        if late:
            file.write('paid\\n')
    if late:
        time.sleep(60)
    return {'type': 'PAYMENT_COMPLETED', 'id': 'of-' + order, 'time': event['time'], 'orderId': order,
            'userId': event['userId'], 'amount': event['amount'], 'currency': event['currency'],
            'paymentId': order, 'correlationId': event['correlationId']}
'''
# A payment function that fails as some amounts tell it to, each time; for one, twice.
FAILS = '''
import os

class INVAL(Exception):
    pass

def tries(order):
    with open(os.path.join(os.environ['LEDGER'], order), 'a+') as file:
        file.write('.')
        return file.tell()

def handle(event, context):
    amount, order = event['amount'], event['orderId']
    if amount == 66.01:
        raise ValueError('no such thing')
    if amount == 66.02:
        raise SystemExit(3)
    if amount == 66.03:
        raise INVAL('amount: is not liked')
    if amount == 66.04:
        return {'type': 'PAYMENT_COMPLETED'}
    if amount == 66.05 and tries(order) < 3:
        raise ValueError('it is not my day')
    return {'type': 'PAYMENT_COMPLETED', 'id': 'of-' + order, 'time': event['time'], 'orderId': order,
            'userId': event['userId'], 'amount': amount, 'currency': event['currency'],
            'paymentId': order, 'correlationId': event['correlationId']}
'''


def place(shop, token, n=1, amount=19.99):
    made = [shop.call('order-service', 'POST', '/orders', {'amount': amount}, token) for _ in range(n)]
    equal([201] * n, [answer.status for answer in made])
    return [answer.json['id'] for answer in made]


def check_once(shop, token, orders):
    """Each is PAID, by one event, and told of once."""
    for order in orders:
        equal('PAID', shop.settled(order, token)['status'])
        equal(1, len(shop.notified(order, token)))
    paid = [event['orderId'] for _, _, event in shop.messages('payment-events')]
    equal(sorted(orders), sorted(paid))


def an_order_is_paid_and_told_of_by_functions():
    with Lambda(pay=PAYMENT, tell=NOTIFICATION, settings={'LOG_LEVEL': 'debug'}) as local, \
            Shop(**local.client, **REMOTE) as shop:
        _, token = shop.customer()
        answer = shop.call('order-service', 'POST', '/orders', {'amount': 19.99}, token,
                           headers={'x-correlation-id': 'corr-1'})
        check_once(shop, token, [answer.json['id']])
        item = shop.notified(answer.json['id'], token)[0]
        equal(('lambda', 'corr-1'), (item['channel'], item['correlationId']))
        log = local.logged()
        assert 'pay | REPORT' in log and 'tell | REPORT' in log, log
        assert '"message":"notification"' in log and '"correlationId":"corr-1"' in log, log


def a_declined_payment_is_declined_from_afar():
    with Lambda(pay=PAYMENT, tell=NOTIFICATION) as local, Shop(**local.client, **REMOTE) as shop:
        _, token = shop.customer()
        order = shop.call('order-service', 'POST', '/orders', {'amount': 19.13}, token).json['id']
        equal('PAYMENT_FAILED', shop.settled(order, token)['status'])
        event = shop.messages('payment-events')[0][2]
        equal(('PAYMENT_FAILED', 'declined: the amount ends in 13'), (event['type'], event['reason']))
        equal(1, len(shop.notified(order, token)))


def functions_that_are_killed_again_and_again_pay_once():
    seed = random.randrange(1 << 32)
    print(f'# seed {seed}')
    chance = random.Random(seed)
    with Lambda(pay=PAYMENT, tell=NOTIFICATION) as local, Shop(**local.client, **REMOTE) as shop:
        _, token = shop.customer()
        orders = []
        for _ in range(15):
            orders += place(shop, token, 2)
            time.sleep(chance.random() * 0.02)
            local.kill_functions()
        check_once(shop, token, orders)


def throttled_functions_are_waited_for():
    slow = "import time\ndef handle(event, context):\n    time.sleep(0.05)\n    return None\n"
    with tempfile.TemporaryDirectory() as folder, \
            Lambda('--concurrency', '1', pay=PAYMENT, tell=python_function(folder, 'slow', slow)) as local, \
            Shop(**local.client, **REMOTE) as shop:
        _, token = shop.customer()
        orders = place(shop, token, 12)
        check_once(shop, token, orders)


def a_function_that_is_late_after_its_work_has_done_it_once():
    with tempfile.TemporaryDirectory() as folder:
        ledger = os.path.join(folder, 'ledger')
        os.mkdir(ledger)
        with Lambda('--timeout', '1.5', pay=python_function(folder, 'late', LATE), tell=NOTIFICATION,
                    settings={'LEDGER': ledger}) as local, Shop(**local.client, **REMOTE) as shop:
            _, token = shop.customer()
            orders = place(shop, token, 3)
            check_once(shop, token, orders)
            assert local.logged().count('Task timed out after 1.50 seconds') >= 3, local.logged()
            for order in orders:
                with open(os.path.join(ledger, order)) as file:
                    equal('paid\n', file.read())


def an_order_waits_until_its_function_is_there_and_works():
    fails = "def handle(event, context):\n    raise SystemExit(1)\n"
    with tempfile.TemporaryDirectory() as folder:
        broken = Lambda(pay=python_function(folder, 'fails', fails), tell=NOTIFICATION)
        with Shop(**broken.client, **REMOTE) as shop:  # nobody is there
            _, token = shop.customer()
            orders = place(shop, token)
            with broken:  # it is there, and fails
                wait_until('a failure', lambda: 'pay | REPORT' in broken.logged())
                equal([], shop.messages('payment-events'))
            with Lambda(port=broken.port, pay=PAYMENT, tell=NOTIFICATION):
                check_once(shop, token, orders)
            equal([], shop.messages('order-events.dlq'))


def letters(shop, topic, n):
    """The dead letters of a topic, by order, once there are n."""
    found = wait_until(f'{n} letters in {topic}.dlq',
                       lambda: (got := shop.messages(topic + '.dlq')) and len(got) >= n and got)
    equal(n, len(found))
    return {event['orderId']: headers for _, headers, event in found}


def an_event_on_which_its_function_fails_each_time_is_set_aside():
    with tempfile.TemporaryDirectory() as folder, \
            Lambda(pay=python_function(folder, 'fails', FAILS), tell=NOTIFICATION,
                   settings={'LEDGER': folder}) as local, \
            Shop(**local.client, **REMOTE, LAMBDA_RETRY_MS='1') as shop:
        _, token = shop.customer()
        raises, exits, mumbles = (place(shop, token, amount=66 + n / 100)[0] for n in (1, 2, 4))
        others = place(shop, token, 3) + place(shop, token, amount=66.05)
        check_once(shop, token, others)
        found = letters(shop, 'order-events', 3)
        for order, reason in ((raises, 'the function failed (Unhandled): ValueError: no such thing'),
                              (exits, 'exit status 3'), (mumbles, "the function's result: ")):
            headers = found[order]
            assert reason in headers['x-dlq-reason'], headers
            equal(('8', 'BACKEND'), (headers['x-dlq-attempts'], headers['x-dlq-code']))
            order = shop.call('order-service', 'GET', f'/orders/{order}', token=token).json
            equal('PENDING', order['status'])


def an_event_that_its_function_rejects_is_set_aside_at_once():
    refuses = "class UNPROCESSABLE(Exception):\n    pass\ndef handle(event, context):\n    raise UNPROCESSABLE('no')\n"
    with tempfile.TemporaryDirectory() as folder, \
            Lambda(pay=python_function(folder, 'fails', FAILS),
                   tell=python_function(folder, 'refuses', refuses)) as local, \
            Shop(**local.client, **REMOTE) as shop:
        _, token = shop.customer()
        order = place(shop, token, amount=66.03)[0]
        headers = letters(shop, 'order-events', 1)[order]
        equal(('1', 'INVAL'), (headers['x-dlq-attempts'], headers['x-dlq-code']))
        assert headers['x-dlq-reason'].endswith('INVAL: amount: is not liked'), headers
        paid = place(shop, token)[0]
        headers = letters(shop, 'payment-events', 1)[paid]
        equal(('1', 'UNPROCESSABLE'), (headers['x-dlq-attempts'], headers['x-dlq-code']))


def publish(shop, key, body):
    """A message in the first partition of order-events, as if by a producer that is none of ours."""
    with contextlib.closing(sqlite3.connect(f'{shop.folder}/data/bus/topic-order-events.db', timeout=60)) as db, db:
        db.execute('UPDATE part SET next = next + 1 WHERE partition = 0')
        db.execute("INSERT INTO msg SELECT next - 1, 1, ?, x'', ? FROM part WHERE partition = 0",
                   (key.encode(), json.dumps(body).encode()))


def letters_count_in_a_correlation_id_not_bytes():
    """128 of them are fine in an event, and more than go beside it to a function."""
    with tempfile.TemporaryDirectory() as folder, \
            Lambda(pay=python_function(folder, 'fails', FAILS), tell=NOTIFICATION) as local, \
            Shop(**local.client, **REMOTE) as shop:
        publish(shop, 'o-1', {'type': 'ORDER_CREATED', 'id': 'e-1', 'time': '2026-01-01T00:00:00Z',
                              'version': 1, 'correlationId': 128 * 'ü', 'orderId': 'o-1', 'userId': 'u-1',
                              'amount': 1, 'currency': 'USD'})
        key, _, event = wait_until('a payment', lambda: shop.messages('payment-events'))[0]
        equal(('o-1', 'PAYMENT_COMPLETED', 128 * 'ü'), (key, event['type'], event['correlationId']))


def a_function_with_wrong_settings_is_waited_for():
    broken = Lambda(pay=PAYMENT, tell=NOTIFICATION, settings={'PAYMENT_DECLINE': 'sometimes'})
    with Shop(**broken.client, **REMOTE) as shop:
        _, token = shop.customer()
        with broken:
            orders = place(shop, token)
            wait_until('failures', lambda: broken.logged().count('pay | REPORT') >= 3)
            equal([], shop.messages('order-events.dlq'))
        with Lambda(port=broken.port, pay=PAYMENT, tell=NOTIFICATION):
            check_once(shop, token, orders)


def a_worker_that_is_stopped_does_not_wait_for_a_slow_function():
    slow = "import time\ndef handle(event, context):\n    time.sleep(100)\n"
    with tempfile.TemporaryDirectory() as folder:
        local = Lambda('--timeout', '200', pay=python_function(folder, 'slow', slow), tell=NOTIFICATION)
        with Shop(**local.client, **REMOTE, SHUTDOWN_TIMEOUT_MS='2000') as shop:
            _, token = shop.customer()
            with local:
                orders = place(shop, token)
                wait_until('the invocation', lambda: 'pay | START' in local.logged())
                begun = time.monotonic()
                os.kill(shop.pid('payment-worker'), signal.SIGTERM)
                equal('payment-worker consuming order-events', shop.line())  # it is up again
                assert time.monotonic() - begun < 60
            with Lambda(port=local.port, pay=PAYMENT, tell=NOTIFICATION):
                check_once(shop, token, orders)


def events_are_handed_over_to_functions_that_publish():
    with tempfile.TemporaryDirectory() as folder:
        bus = {'ECOM_BUS_URL': f'sqlite:{folder}/bus', 'PAYMENT_MONGODB_URI': f'sqlite:{folder}/pay.db'}
        with Lambda(pay=PAYMENT, tell=NOTIFICATION, settings=bus) as local, \
                Shop(**local.client, **REMOTE, **bus, LAMBDA_INVOCATION_TYPE='Event') as shop:
            _, token = shop.customer()
            check_once(shop, token, place(shop, token, 2))
            assert local.logged().count('pay | REPORT') == 2, local.logged()


run_tests(
    an_order_is_paid_and_told_of_by_functions,
    a_declined_payment_is_declined_from_afar,
    functions_that_are_killed_again_and_again_pay_once,
    throttled_functions_are_waited_for,
    a_function_that_is_late_after_its_work_has_done_it_once,
    an_order_waits_until_its_function_is_there_and_works,
    an_event_on_which_its_function_fails_each_time_is_set_aside,
    an_event_that_its_function_rejects_is_set_aside_at_once,
    letters_count_in_a_correlation_id_not_bytes,
    a_function_with_wrong_settings_is_waited_for,
    a_worker_that_is_stopped_does_not_wait_for_a_slow_function,
    events_are_handed_over_to_functions_that_publish,
)
