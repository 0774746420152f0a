"""The functions as processes, driven by a Runtime API. Prints TAP."""
import base64
import json
import os
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
import uuid

from lambda_api import Function
from shop import BIN, PATIENCE_S, equal, run_tests, wait_until

PAYMENT = os.path.join(BIN, 'payment-lambda')
NOTIFICATION = os.path.join(BIN, 'notification-lambda')
# 01900000-0000-7xxx: as the order service makes them, the time in front.
ORDER_ID = '01900000-0000-7abc-8def-0123456789ab'


def order(order_id=ORDER_ID, amount=19.99, **more):
    return {'type': 'ORDER_CREATED', 'id': str(uuid.uuid4()), 'time': '2026-01-01T00:00:00Z',
            'version': 1, 'correlationId': 'c-1', 'orderId': order_id, 'userId': 'u-1',
            'amount': amount, 'currency': 'USD', **more}


def kafka(*values, source='SelfManagedKafka', partitions=1):
    records = {}
    for offset, value in enumerate(values):
        partition = offset % partitions
        text = value if isinstance(value, str) else json.dumps(value)
        records.setdefault(f'order-events-{partition}', []).append({
            'topic': 'order-events', 'partition': partition, 'offset': offset,
            'timestamp': 1545084650987, 'timestampType': 'CREATE_TIME',
            'key': base64.b64encode(f'k{offset}'.encode()).decode(),
            'value': base64.b64encode(text.encode()).decode(),
            'headers': [{'x-correlation-id': list(b'c-9')}]})
    return {'eventSource': source, 'bootstrapServers': 'b:9092', 'records': records}


def locked(path):
    """A connection that lets nobody else write, until it is closed."""
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute('BEGIN EXCLUSIVE')
    return holder


def pauses(pid):
    """How often a process has waited for something: many times, while it tries to get a lock."""
    with open(f'/proc/{pid}/status') as status:
        return next(int(line.split()[1]) for line in status if line.startswith('voluntary_ctxt'))


def published(folder, topic='payment-events'):
    out = subprocess.run([os.path.join(BIN, 'ecom'), 'events', topic], cwd=folder, text=True,
                         capture_output=True, timeout=PATIENCE_S,
                         env={'ECOM_BUS_URL': f'sqlite:{folder}/bus', 'PATH': os.environ['PATH']})
    equal(0, out.returncode, out.stderr)
    return [json.loads(line) for line in out.stdout.splitlines()[1::2]]


def an_order_is_paid_and_the_event_returned():
    with Function(PAYMENT) as f:
        event = f.result(order())
        equal(('PAYMENT_COMPLETED', ORDER_ID, 'u-1', 19.99, 'USD', 'c-1'),
              tuple(event[k] for k in ('type', 'orderId', 'userId', 'amount', 'currency', 'correlationId')))
        event = f.result(order('o-2', 19.13))
        equal('PAYMENT_FAILED', event['type'])
        equal([], f.faults)


def an_order_that_comes_again_gives_the_same_event_also_from_a_new_process():
    with Function(PAYMENT) as f:
        first, again = f.result(order()), f.result(order())
        equal(first, again)
        equal(0, f.stop())
        f.start()
        elsewhere = f.result(order())
        equal(first['id'], elsewhere['id'])
        equal(ORDER_ID[:13], first['id'][:13])


def an_array_is_answered_one_by_one():
    with Function(PAYMENT) as f:
        answers = f.result([order('o-1'), {'type': 'ORDER_CREATED'}, 'x', order('o-2')])
        equal(['PAYMENT_COMPLETED', None, None, 'PAYMENT_COMPLETED'], [a.get('type') for a in answers])
        equal(['INVAL', 'INVAL'], [a['errorType'] for a in answers[1:3]])


def a_wrong_event_is_an_error_with_its_field():
    with Function(PAYMENT) as f:
        invocation = f.invoke(order(amount=-1))
        equal((False, 'INVAL', 'INVAL', []), (invocation.ok, invocation.error_type,
              invocation.answer['errorType'], invocation.answer['stackTrace']))
        assert invocation.answer['errorMessage'].startswith('amount: '), invocation.answer
        equal('INVAL', f.invoke(b'{"type":').error_type)
        equal([], f.faults)


def a_payment_tells_the_user_through_the_other_function():
    with Function(PAYMENT) as pay, Function(NOTIFICATION) as notify:
        event = pay.result(order())
        told = notify.result(event)
        equal((event['id'], ORDER_ID, 'SENT'), (told['id'], told['orderId'], told['status']))
        notify.result(event)
        equal(1, sum(line['message'] == 'notification' for line in notify.logged()), notify.logged())


def a_kafka_batch_is_published_before_the_answer():
    with tempfile.TemporaryDirectory(prefix='ecom-lambda-') as folder:
        with Function(PAYMENT, ECOM_BUS_URL=f'sqlite:{folder}/bus') as f:
            answer = f.result(kafka(order('o-1'), 'poison', order('o-2'), order('o-3', 19.13),
                                    partitions=2))
            equal([{'itemIdentifier': {'partition': 'order-events-1', 'offset': 1}}],
                  answer['batchItemFailures'])
            f.process.send_signal(signal.SIGKILL)  # what the answer says, survives
            events = published(folder)
            equal([('o-1', 'PAYMENT_COMPLETED'), ('o-2', 'PAYMENT_COMPLETED'), ('o-3', 'PAYMENT_FAILED')],
                  sorted((e['orderId'], e['type']) for e in events))


def a_kafka_batch_that_comes_again_is_paid_once():
    with tempfile.TemporaryDirectory(prefix='ecom-lambda-') as folder:
        settings = {'ECOM_BUS_URL': f'sqlite:{folder}/bus',
                    'PAYMENT_MONGODB_URI': f'sqlite:{folder}/payment.db'}
        with Function(PAYMENT, **settings) as f:
            for _ in range(2):
                equal({'batchItemFailures': []}, f.result(kafka(order('o-1'), source='aws:kafka')))
            f.process.kill()
            f.process.wait()
            f.start()
            f.result(kafka(order('o-1')))
            equal(1, len(published(folder)))


def without_a_bus_an_event_source_is_refused_before_anything_is_paid():
    with Function(PAYMENT) as f:
        invocation = f.invoke(kafka(order()))
        equal((False, 'NOTSUP'), (invocation.ok, invocation.error_type))
        assert 'ECOM_BUS_URL' in invocation.answer['errorMessage'], invocation.answer
        assert not any(line['message'] == 'payment ended' for line in f.logged())


def a_bus_that_is_away_leaves_the_batch_to_come_again():
    with tempfile.TemporaryDirectory(prefix='ecom-lambda-') as folder:
        with Function(PAYMENT, ECOM_BUS_URL=f'sqlite:{folder}/bus') as f:
            f.result(kafka(order('o-0')))
            holders = [locked(f'{folder}/bus/{name}') for name in os.listdir(f'{folder}/bus')
                       if name.endswith('payment-events.db')]
            assert holders, os.listdir(f'{folder}/bus')
            answer = f.invoke(kafka(order('o-1')), timeout_s=2)
            assert not answer.ok or answer.answer['batchItemFailures'], answer.answer
            for holder in holders:
                holder.close()
            if answer.error_type == 'Function.TimedOut':
                equal(1, f.process.wait(timeout=PATIENCE_S))
                f.start()
            equal({'batchItemFailures': []}, f.result(kafka(order('o-1'))))
            equal({'o-0', 'o-1'}, {e['orderId'] for e in published(folder)})


def sqs_and_sns_tell_the_user():
    with Function(PAYMENT) as f:
        paid = f.result(order())
    sqs = {'Records': [{'messageId': 'm-1', 'eventSource': 'aws:sqs', 'body': 'junk', 'attributes': {}},
                       {'messageId': 'm-2', 'eventSource': 'aws:sqs', 'body': json.dumps(paid)}]}
    sns = {'Records': [{'EventSource': 'aws:sns', 'Sns': {'MessageId': 'm', 'Message': json.dumps(paid)}}]}
    with Function(NOTIFICATION) as f:
        equal({'batchItemFailures': [{'itemIdentifier': 'm-1'}]}, f.result(sqs))
        equal(None, f.result(sns))
        equal(1, sum(line['message'] == 'notification' for line in f.logged()))


def a_stuck_runtime_api_is_backed_off_from():
    with Function(PAYMENT, stuck=6) as f:
        equal('PAYMENT_COMPLETED', f.result(order())['type'])
        pauses = [b - a for a, b in zip(f.nexts, f.nexts[1:7])]
        assert sum(pauses) >= 0.3, pauses  # half of 10 + 20 + ... + 320 ms at least
        equal([], f.faults)


def sigterm_ends_it_while_it_waits():
    with Function(PAYMENT) as f:
        wait_until('the first next', lambda: f.nexts)
        equal(0, f.stop())


def wrong_settings_are_an_initialisation_error():
    with Function(PAYMENT, LOG_LEVEL='loud') as f:
        equal(78, f.process.wait(timeout=PATIENCE_S))
        equal('Init.INVAL', f.init_error[0])
        assert 'LOG_LEVEL' in f.init_error[1]['errorMessage'], f.init_error
        equal([], f.nexts)


def a_handler_that_will_not_end_is_reported_before_the_deadline_and_the_process_replaced():
    with tempfile.TemporaryDirectory(prefix='ecom-lambda-') as folder:
        with Function(PAYMENT, PAYMENT_MONGODB_URI=f'sqlite:{folder}/payment.db') as f:
            f.result(order('o-0'))
            holder = locked(f'{folder}/payment.db')
            for _ in range(5):  # a machine that stood still for so long is asked again
                invocation = f.invoke(order('o-1'), timeout_s=2.0)
                took = time.monotonic() - invocation.given
                equal(False, invocation.ok)
                if took < 2.0:
                    break
                if invocation.error_type == 'Function.TimedOut':
                    equal(1, f.process.wait(timeout=PATIENCE_S))
                    f.start()
            assert took < 2.0, f'{took} s'
            if invocation.error_type == 'Function.TimedOut':
                equal(1, f.process.wait(timeout=PATIENCE_S))
                f.start()
            holder.close()
            equal('PAYMENT_COMPLETED', f.result(order('o-1'))['type'])


def a_crash_is_reported_and_the_process_replaced():
    with tempfile.TemporaryDirectory(prefix='ecom-lambda-') as folder:
        with Function(PAYMENT, PAYMENT_MONGODB_URI=f'sqlite:{folder}/payment.db') as f:
            f.result(order('o-0'))
            holder = locked(f'{folder}/payment.db')  # the handler is at work when it crashes
            answers = []
            worker = threading.Thread(target=lambda: answers.append(f.invoke(order('o-1'), timeout_s=20)))
            worker.start()
            wait_until('the invocation', lambda: f.current and f.current.given and not f.current.done.is_set())
            given = pauses(f.process.pid)
            wait_until('its waiting for the lock', lambda: pauses(f.process.pid) > given + 20)
            f.process.send_signal(signal.SIGSEGV)
            worker.join(PATIENCE_S)
            holder.close()
            equal((False, 'Runtime.Crash'), (answers[0].ok, answers[0].error_type))
            equal(-signal.SIGSEGV, f.process.wait(timeout=PATIENCE_S))
            f.start()
            equal('PAYMENT_COMPLETED', f.result(order('o-1'))['type'])


run_tests(
    an_order_is_paid_and_the_event_returned,
    an_order_that_comes_again_gives_the_same_event_also_from_a_new_process,
    an_array_is_answered_one_by_one,
    a_wrong_event_is_an_error_with_its_field,
    a_payment_tells_the_user_through_the_other_function,
    a_kafka_batch_is_published_before_the_answer,
    a_kafka_batch_that_comes_again_is_paid_once,
    without_a_bus_an_event_source_is_refused_before_anything_is_paid,
    a_bus_that_is_away_leaves_the_batch_to_come_again,
    sqs_and_sns_tell_the_user,
    a_stuck_runtime_api_is_backed_off_from,
    sigterm_ends_it_while_it_waits,
    wrong_settings_are_an_initialisation_error,
    a_handler_that_will_not_end_is_reported_before_the_deadline_and_the_process_replaced,
    a_crash_is_reported_and_the_process_replaced,
)
