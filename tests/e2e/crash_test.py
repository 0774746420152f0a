"""kill -9 of any daemon at any moment of orders under load: every accepted order is PAID exactly
once, with one payment and one notification."""
import collections
import concurrent.futures
import contextlib
import http.client
import os
import random
import secrets
import signal
import subprocess
import threading

from shop import (BIN, DAEMONS, PATIENCE_S, Shop, check_paid_once, equal, place, run_tests,
                  wait_until)

ORDERS = int(os.environ.get('ECOM_CRASH_ORDERS', '500'))
CLIENTS, KILLS = 8, min(12, ORDERS // 10)
SEED = int(os.environ.get('ECOM_CRASH_SEED') or secrets.randbits(32))


def kill_at_random(shop, placed, rng):
    """Kills spread over the load by the number of orders placed, not by the clock."""
    for n in sorted(rng.randrange(ORDERS) for _ in range(KILLS)):
        daemons = rng.sample(sorted(DAEMONS), rng.choice([1, 1, 2]))
        wait_until('the load', lambda n=n: len(placed) >= n)
        pids = [wait_until(daemon, lambda d=daemon: shop.pid(d)) for daemon in daemons]
        print(f'# kill -9 {" and ".join(daemons)} after {n} orders', flush=True)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def every_accepted_order_is_paid_once_whatever_is_killed():
    print(f'# ECOM_CRASH_SEED={SEED}', flush=True)
    rng = random.Random(SEED)
    with Shop(RATE_LIMIT='off', LOG_LEVEL='warn') as shop:
        _, token = shop.customer()
        placed = []
        killer = threading.Thread(target=kill_at_random, args=(shop, placed, rng))
        killer.start()
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            futures = [pool.submit(shop.order_surely, token, f'{SEED}-{n}') for n in range(ORDERS)]
            for future in concurrent.futures.as_completed(futures):
                placed.append(future.result())
        killer.join()
        equal(ORDERS, len(set(placed)))

        def settled(order_id):
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = shop.call('order-service', 'GET', f'/orders/{order_id}', token=token)
                return answer.status == 200 and answer.json['status'] != 'PENDING' and answer.json
            return None

        def told(order_id):
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = shop.call('notification-worker', 'GET',
                                   f'/notifications?orderId={order_id}', token=token)
                items = answer.json['items'] if answer.status == 200 else []
                return items and all(i['status'] == 'SENT' for i in items) and items
            return None

        orders = [wait_until(f'order {i}', lambda i=i: settled(i)) for i in placed]
        equal({'PAID'}, {order['status'] for order in orders})
        for order_id in placed:
            notes = wait_until(f'the notification of {order_id}', lambda i=order_id: told(i))
            equal(1, len(notes), notes)

        # A message may be on the bus twice; what it says may not differ.
        for topic, kind in (('order-events', 'ORDER_CREATED'), ('payment-events', 'PAYMENT_COMPLETED')):
            ids = collections.defaultdict(set)
            for key, _, event in shop.messages(topic):
                equal(kind, event['type'])
                ids[key].add(event['id'])
            equal(set(placed), set(ids))
            equal({1}, {len(events) for events in ids.values()})
        payments = {event['paymentId'] for _, _, event in shop.messages('payment-events')}
        equal(ORDERS, len(payments))


def alive(pid):
    with contextlib.suppress(OSError):
        return open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[0] != 'Z'
    return False


def nobody_outlives_the_supervisor_and_what_was_accepted_goes_on():
    with Shop(RATE_LIMIT='off') as shop:
        _, token = shop.customer()
        pids = [shop.pid(daemon) for daemon in DAEMONS]
        orders = place(shop, token, 50)
        shop.up.kill()
        shop.up.wait()
        wait_until('the end of all', lambda: not any(map(alive, pids)))
        shop.start()
        check_paid_once(shop, token, orders)


def a_worker_that_stood_still_past_its_session_does_no_harm():
    with Shop(RATE_LIMIT='off') as shop:
        _, token = shop.customer()
        orders = place(shop, token, 5)
        stalled = shop.pid('payment-worker')
        with open(os.path.join(shop.folder, 'second'), 'wb') as log:
            second = subprocess.Popen([os.path.join(BIN, 'payment-worker')], cwd=shop.folder,
                                      env={**shop.env, 'PAYMENT_WORKER_PORT': '0'},
                                      stdout=subprocess.DEVNULL, stderr=log)
        try:
            check_paid_once(shop, token, orders)  # who stands still in a write holds up the others
            os.kill(stalled, signal.SIGSTOP)
            orders += place(shop, token, 20)
            with contextlib.suppress(AssertionError):
                check_paid_once(shop, token, orders, patience_s=15)  # its session is 10 s
            os.kill(stalled, signal.SIGCONT)
            orders += place(shop, token, 20)
            check_paid_once(shop, token, orders)
        finally:
            os.kill(stalled, signal.SIGCONT)
            second.terminate()
            equal(0, second.wait(timeout=PATIENCE_S))


run_tests(every_accepted_order_is_paid_once_whatever_is_killed,
          nobody_outlives_the_supervisor_and_what_was_accepted_goes_on,
          a_worker_that_stood_still_past_its_session_does_no_harm)
