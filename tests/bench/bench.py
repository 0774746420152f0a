"""Measures side by side in one run and prints a table, and one JSON object last. On a shared machine
ratios are what counts, of rounds that lie side by side, and medians; where it says CPU, it is the
processor's time that a process took, by the kernel's own clock. Not a test: nothing fails by speed.
ECOM_BENCH_ROUNDS and ECOM_BENCH_ORDERS make it shorter or longer; names of parts (http, orders,
flow, memory, start, and graphql, lambda, kafka, mongodb and transports, which run only when they are
named, for they install other people's programs) as arguments run only those."""
import concurrent.futures
import contextlib
import json
import os
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e'))
import graphql_bench  # noqa: E402
import kafka_bench  # noqa: E402
import lambda_bench  # noqa: E402
import stores  # noqa: E402
import transports_bench  # noqa: E402
from shop import BIN, DAEMONS, PORTS, Shop, equal, wait_until  # noqa: E402

TOOLS = os.environ['ECOM_BENCH_DIR']
ROUNDS = int(os.environ.get('ECOM_BENCH_ROUNDS', '5'))
ORDERS = int(os.environ.get('ECOM_BENCH_ORDERS', '5000'))
SINGLE = 200  # orders with one in flight


def cpu_s(pid):
    """What a process took of the processor: clock_getcpuclockid(3), without libc."""
    return time.clock_gettime((~pid << 3) | 2)


def peak_mib(pid):
    with open(f'/proc/{pid}/status') as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith('VmHWM'))


def rss_mib(pid):
    with open(f'/proc/{pid}/status') as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith('VmRSS'))


def ratio_of(ours, floor):
    return round(statistics.median(o / f for o, f in zip(ours, floor)), 3)


def loadgen(port, connections, requests, request, status):
    with tempfile.NamedTemporaryFile() as file:
        file.write(request)
        file.flush()
        out = subprocess.run([f'{TOOLS}/loadgen', str(port), str(connections), str(requests),
                              file.name, str(status)], capture_output=True, text=True)
    if out.returncode:
        raise RuntimeError(out.stderr or out.stdout)
    return json.loads(out.stdout)


def request(method, path, port, body=b'', token=None):
    head = f'{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n'
    if token:
        head += f'authorization: Bearer {token}\r\n'
    if body:
        head += f'content-type: application/json\r\ncontent-length: {len(body)}\r\n'
    return head.encode() + b'\r\n' + body


def http_floor():
    """Requests per CPU second of our server, against the bare epoll loop, round about, in many short
    rounds: what else the machine does then weighs on both, and a median leaves the worst aside."""
    with contextlib.ExitStack() as stack:
        servers, per_cpu = {}, {'floor': [], 'ours': []}
        for name, program in (('floor', 'epoll_server'), ('ours', 'const_server')):
            server = subprocess.Popen([f'{TOOLS}/{program}'], stdout=subprocess.PIPE, text=True)
            stack.callback(server.wait)
            stack.callback(server.terminate)
            servers[name] = (server.pid, int(server.stdout.readline()))
        for _ in range(4 * ROUNDS + 1):  # the first warms up
            for name, (pid, port) in servers.items():
                before = cpu_s(pid)
                done = loadgen(port, 64, 15000, request('GET', '/', port), 200)
                per_cpu[name].append(done['requests'] / (cpu_s(pid) - before))
    ours, floor = per_cpu['ours'][1:], per_cpu['floor'][1:]
    return {'floor_per_cpu_s': round(statistics.median(floor)),
            'ours_per_cpu_s': round(statistics.median(ours)), 'ratio': ratio_of(ours, floor),
            'goal': '>= 0.7'}


@contextlib.contextmanager
def stopped(shop, *daemons):
    pids = [shop.pid(name) for name in daemons]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def sqlite_floor(shop, n):
    """Orders a second, and orders a second of processor time."""
    out = subprocess.run([f'{TOOLS}/sqlite_floor', os.path.join(shop.folder, f'floor{n}.db'), '64',
                          '1'], capture_output=True, text=True, check=True)
    return [float(x) for x in out.stdout.split()]


def orders_floor():
    """POST /orders, durable, 64 connections, against bare SQLite that writes the rows of 64 orders at
    a time; on the same disk, round about. Ours includes HTTP, tokens and the relay's work, and the
    load generator runs beside it; by the clock, since both wait for the disk. What either takes of
    the processor is told, too."""
    ours, floor, cpu_us = [], [], []
    with Shop(RATE_LIMIT='off', LOG_LEVEL='error') as shop:
        _, token = shop.customer()
        port, pid = shop.port['order-service'], shop.pid('order-service')
        post = request('POST', '/orders', port, b'{"amount":19.99}', token)
        with stopped(shop, 'payment-worker', 'notification-worker'):
            loadgen(port, 64, 1000, post, 201)
            floor.append(sqlite_floor(shop, 0))
            for n in range(ROUNDS):
                before = cpu_s(pid)
                ours.append(loadgen(port, 64, 10000, post, 201)['rps'])
                cpu_us.append((cpu_s(pid) - before) * 1e6 / 10000)
                floor.append(sqlite_floor(shop, n + 1))
    # the floors before and behind each
    around = [(a[0] + b[0]) / 2 for a, b in zip(floor, floor[1:])]
    return {'floor_orders_s': round(statistics.median(f[0] for f in floor)),
            'ours_orders_s': round(statistics.median(ours)), 'ratio': ratio_of(ours, around),
            'cpu_us_per_order': round(statistics.median(cpu_us)),
            'floor_cpu_us_per_order': round(1e6 / statistics.median(f[1] for f in floor)),
            'goal': '>= 0.5'}


class Connection:
    """One that is kept, and costs the machine little while it waits."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, sent):
        self.socket.sendall(sent)
        got = b''
        while True:
            got += self.socket.recv(65536)
            head, end, body = got.partition(b'\r\n\r\n')
            lines = head.lower().split(b'\r\n')
            length = next((int(x[15:]) for x in lines if x.startswith(b'content-length:')), 0)
            if end and len(body) >= length:
                return json.loads(body)


def fsync_ms(folder):
    """How long this disk takes to keep one page, behind the others of a file."""
    with open(os.path.join(folder, 'fsync'), 'ab', buffering=0) as file:
        file.write(bytes(4096))
        start = time.perf_counter()
        os.fdatasync(file.fileno())
        return (time.perf_counter() - start) * 1000


def single_orders(shop, token):
    """Order to PAID, one in flight, from before the POST is sent to the answer that says PAID."""
    port = shop.port['order-service']
    connection, waits, syncs = Connection(port), [], []
    post = request('POST', '/orders', port, b'{"amount":1}', token)
    for _ in range(SINGLE):
        syncs.append(fsync_ms(shop.folder))
        start = time.perf_counter()
        order = connection.exchange(post)
        get = request('GET', f'/orders/{order["id"]}', port, token=token)
        while connection.exchange(get)['status'] == 'PENDING':
            time.sleep(0.0002)
        waits.append((time.perf_counter() - start) * 1000)
    fsync = statistics.median(syncs)
    waits.sort()
    return {'p50_ms': round(waits[SINGLE // 2], 2), 'p99_ms': round(waits[SINGLE * 99 // 100], 2),
            'fsync_ms': round(fsync, 2), 'goal_p50_ms': round(5 + 2 * fsync, 2)}


def count(shop, store, collection, wanted):
    """Documents in a store's file, and how many of them have that status."""
    path = os.path.join(shop.env['ECOM_DATA_DIR'], f'{store}.db')
    with contextlib.closing(sqlite3.connect(f'file:{path}?mode=ro', uri=True)) as db:
        return db.execute("SELECT count(*), sum(json_extract(doc, '$.status') = ?) FROM documents"
                          ' WHERE collection = ?', (wanted, collection)).fetchone()


def check_once(shop, orders):
    """Each order paid, by one payment, told of once."""
    equal((orders, orders), count(shop, 'order', 'orders', 'PAID'))
    equal((orders, orders), count(shop, 'payment', 'payments', 'COMPLETED'))
    wait_until('all notifications', lambda: count(
        shop, 'notification', 'notifications', 'SENT') == (orders, orders))


def many_orders(shop, token, pids=None, check=None, pause_s=0, connections=64):
    """As many orders as the connections bring, until the last is PAID. `pids`: whose processor time is
    told; `check`: that all is as it should be; `pause_s`: between looks, which cost something too."""
    pids = pids or {name: shop.pid(name) for name in DAEMONS}
    port = shop.port['order-service']
    connection = Connection(port)
    pending = request('GET', '/orders?status=PENDING&first=1', port, token=token)
    cpu_before = {name: cpu_s(pid) for name, pid in pids.items()}
    start = time.perf_counter()
    loadgen(port, connections, ORDERS, request('POST', '/orders', port, b'{"amount":1}', token), 201)
    while connection.exchange(pending)['items']:
        time.sleep(pause_s)
    seconds = time.perf_counter() - start
    if check:
        check()
    else:
        check_once(shop, ORDERS + SINGLE)
    return {'orders': ORDERS, 'orders_s': round(ORDERS / seconds),
            'cpu_us_per_order': {name: round((cpu_s(pid) - cpu_before[name]) * 1e6 / ORDERS)
                                 for name, pid in pids.items()}}


def flow():
    with Shop(RATE_LIMIT='off', LOG_LEVEL='error') as shop:
        _, token = shop.customer()
        single = single_orders(shop, token)
        return single, many_orders(shop, token)


def memory():
    """Idle, and the most that each has had after load on all of them; Argon2 as it is by default."""
    mutation = ('mutation($userId: String!, $amount: Float!) '
                '{ createOrder(userId: $userId, amount: $amount) { id status } }')
    person = {'email': 'eve@example.com', 'password': 'correct horse'}
    with Shop(RATE_LIMIT='off', LOG_LEVEL='error', ARGON2_MEMORY_KIB='19456',
              ARGON2_PASSES='2') as shop:
        idle = {name: round(rss_mib(shop.pid(name)), 1) for name in DAEMONS}
        user, token = shop.customer(person['email'], person['password'])
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: shop.call('user-service', 'POST', '/auth/login', person),
                          range(40)))
        call = json.dumps({'query': mutation, 'variables': {'userId': user, 'amount': 1}}).encode()
        for daemon, path, body, status in (
                ('product-service', '/products', b'{"name":"Cup","price":5}', 201),
                ('order-service', '/orders', b'{"amount":1}', 201),
                ('graphql-gateway', '/graphql', call, 200)):
            port = shop.port[daemon]
            loadgen(port, 64, 3000, request('POST', path, port, body, token), status)
        wait_until('all orders paid', lambda: not shop.call(
            'order-service', 'GET', '/orders?status=PENDING&first=1', token=token).json['items'])
        return idle, {name: round(peak_mib(shop.pid(name)), 1) for name in DAEMONS}


def start_once(command, env, folder):
    start = time.perf_counter()
    process = subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.PIPE)
    process.stdout.readline()
    wall = (time.perf_counter() - start) * 1000
    cpu = cpu_s(process.pid) * 1000
    process.terminate()
    process.communicate()
    return wall, cpu


def start():
    """From exec to the line that says it takes work, over files that are there already: by the
    clock, and what of it was the daemon's own processor time. An empty program beside them."""
    with Shop(LOG_LEVEL='error') as shop:
        shop.stop()
        env = {**shop.env, **{PORTS[name]: '0' for name in DAEMONS}}
        commands = {name: [f'{BIN}/{name}'] for name in DAEMONS}
        commands['empty program'] = ['/bin/sh', '-c', 'echo; read wait']
        times = {name: [] for name in commands}
        for _ in range(3 * ROUNDS):
            for name, command in commands.items():
                times[name].append(start_once(command, env, shop.folder))
    return {name: {'ms': round(statistics.median(wall for wall, _ in t), 1),
                   'cpu_ms': round(statistics.median(cpu for _, cpu in t), 1)}
            for name, t in times.items()}


def mongodb_floor():
    """An order with its event through the store, against one insert of the same bytes by the bare
    driver: this side's CPU, and the wait, which is mostly the server's."""
    server = stores.Mongodb()
    out = subprocess.run([f'{TOOLS}/mongodb_floor', server.url, str(ROUNDS)], capture_output=True,
                         text=True, env={**os.environ, 'LD_LIBRARY_PATH': f'{TOOLS}/../../libecom'})
    if out.returncode:
        raise RuntimeError(out.stderr or out.stdout)
    measured = {**json.loads(out.stdout), 'goal': '<= 1.15'}
    print(f'MongoDB, an order and its event: {measured}')
    return measured


def print_floors(results):
    print(f'\n{"against a floor":34} {"measured":>10}  {"floor":>10}  {"ratio":>6}  goal')
    for part, what in (('http', 'HTTP, requests / CPU s'), ('orders', 'POST /orders, orders/s')):
        if part in results:
            r = results[part]
            ours, floor = (next(v for k, v in r.items() if k.startswith(p)) for p in ('ours', 'floor'))
            print(f'{what:34} {ours:>10}  {floor:>10}  {r["ratio"]:>6}  {r["goal"]}')
    if 'orders' in results:
        r = results['orders']
        print(f'{"POST /orders, CPU us/order":34} {r["cpu_us_per_order"]:>10}  '
              f'{r["floor_cpu_us_per_order"]:>10}')


def print_flow(results):
    latency, pipeline = results['latency'], results['pipeline']
    print(f'{"order to PAID, p50, ms":34} {latency["p50_ms"]:>10}  {"":10}  {"":6}  < '
          f'{latency["goal_p50_ms"]} (5 and two fsyncs of {latency["fsync_ms"]})')
    print(f'{"order to PAID, p99, ms":34} {latency["p99_ms"]:>10}')
    print(f'{str(pipeline["orders"]) + " orders to PAID, orders/s":34} {pipeline["orders_s"]:>10}')


def print_daemons(results):
    columns = {}
    if 'start' in results:
        columns['start ms'] = ({k: v['ms'] for k, v in results['start'].items()}, 15)
        columns['its CPU ms'] = ({k: v['cpu_ms'] for k, v in results['start'].items()}, '')
    if 'idle_mib' in results:
        columns['idle MiB'] = (results['idle_mib'], 12)
        columns['load MiB'] = (results['load_mib'], 32)
    if 'pipeline' in results:
        columns['CPU us/order'] = (results['pipeline']['cpu_us_per_order'], '')
    if columns:
        print(f'\n{"daemon":22}' + ''.join(f'{c:>14}' for c in columns))
        for name in [*DAEMONS, *(['empty program'] if 'start' in results else [])]:
            print(f'{name:22}' + ''.join(f'{v.get(name, ""):>14}' for v, _ in columns.values()))
        print(f'{"goal":22}' + ''.join(f'{g:>14}' for _, g in columns.values()))


def main():
    parts = sys.argv[1:] or ['http', 'orders', 'flow', 'memory', 'start']  # graphql: when named
    results = {}
    if 'http' in parts:
        results['http'] = http_floor()
    if 'orders' in parts:
        results['orders'] = orders_floor()
    if 'flow' in parts:
        results['latency'], results['pipeline'] = flow()
    if 'memory' in parts:
        results['idle_mib'], results['load_mib'] = memory()
    if 'start' in parts:
        results['start'] = start()
    if 'graphql' in parts:
        results['graphql'] = graphql_bench.measure(TOOLS, ROUNDS, loadgen, request, cpu_s, peak_mib)
        graphql_bench.show(results['graphql'])
    if 'lambda' in parts:
        results['lambda'] = lambda_bench.measure(TOOLS, cpu_s, peak_mib)
        lambda_bench.show(results['lambda'])
    if 'kafka' in parts:
        results['kafka'] = kafka_bench.measure(TOOLS, ROUNDS)
        kafka_bench.show(results['kafka'])
    if 'mongodb' in parts:
        results['mongodb'] = mongodb_floor()
    if 'transports' in parts:
        results['transports'] = transports_bench.measure(single_orders, many_orders)
        transports_bench.show(results['transports'])
    print_floors(results)
    if 'pipeline' in results:
        print_flow(results)
    print_daemons(results)
    print()
    print(json.dumps(results))


main()
