"""Measures side by side in one run and prints a table, and one JSON object last. Ratios are what
counts: rates fall with every neighbour on a shared machine. Not a test: nothing fails by speed."""
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e'))
from shop import BIN, DAEMONS, PORTS, Shop, equal, wait_until  # noqa: E402

TOOLS = os.environ['ECOM_BENCH_DIR']
ROUNDS = int(os.environ.get('ECOM_BENCH_ROUNDS', '5'))
ORDERS = int(os.environ.get('ECOM_BENCH_ORDERS', '5000'))
TICK = os.sysconf('SC_CLK_TCK')


def cpu_s(pid):
    fields = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def rss_mib(pid):
    for line in open(f'/proc/{pid}/status'):
        if line.startswith('VmRSS'):
            return int(line.split()[1]) / 1024
    return 0


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
    """Requests per CPU second of our server, against the bare epoll loop, round about."""
    servers, per_cpu = {}, {'floor': [], 'ours': []}
    for name, program in (('floor', 'epoll_server'), ('ours', 'const_server')):
        servers[name] = subprocess.Popen([f'{TOOLS}/{program}'], stdout=subprocess.PIPE, text=True)
    ports = {name: int(server.stdout.readline()) for name, server in servers.items()}
    for _ in range(ROUNDS + 1):  # the first warms up
        for name, server in servers.items():
            before = cpu_s(server.pid)
            done = loadgen(ports[name], 64, 200000, request('GET', '/', ports[name]), 200)
            per_cpu[name].append(done['requests'] / max(cpu_s(server.pid) - before, 0.01))
    for server in servers.values():
        server.terminate()
        server.wait()
    floor, ours = (statistics.median(per_cpu[k][1:]) for k in ('floor', 'ours'))
    return {'floor_per_cpu_s': round(floor), 'ours_per_cpu_s': round(ours),
            'ratio': round(ours / floor, 3), 'goal': '>= 0.7'}


def orders_floor():
    """POST /orders, durable, 64 connections, against bare SQLite committing 64 at a time; on the
    same disk, round about."""
    ours, floor = [], []
    with Shop(RATE_LIMIT='off', LOG_LEVEL='error') as shop:
        _, token = shop.customer()
        port = shop.port['order-service']
        for daemon in ('payment-worker', 'notification-worker'):
            os.kill(shop.pid(daemon), signal.SIGSTOP)  # measured alone
        post = request('POST', '/orders', port, b'{"amount":19.99}', token)
        loadgen(port, 64, 1000, post, 201)
        for n in range(ROUNDS):
            file = os.path.join(shop.folder, f'floor{n}.db')
            out = subprocess.run([f'{TOOLS}/sqlite_floor', file, '64', '3'], capture_output=True,
                                 text=True, check=True)
            floor.append(float(out.stdout))
            ours.append(loadgen(port, 64, 5000, post, 201)['rps'])
        for daemon in ('payment-worker', 'notification-worker'):
            os.kill(shop.pid(daemon), signal.SIGCONT)
    ratio = statistics.median(o / f for o, f in zip(ours, floor))
    return {'floor_orders_s': round(statistics.median(floor)),
            'ours_orders_s': round(statistics.median(ours)), 'ratio': round(ratio, 3),
            'goal': '>= 0.5'}


def latency_and_pipeline():
    """Order to PAID with one in flight; then many orders until all are PAID."""
    with Shop(RATE_LIMIT='off', LOG_LEVEL='error') as shop:
        _, token = shop.customer()
        port = shop.port['order-service']
        waits = []
        for _ in range(200):
            start = time.perf_counter()
            order = shop.call('order-service', 'POST', '/orders', {'amount': 1}, token).json['id']
            while shop.call('order-service', 'GET', f'/orders/{order}', token=token).json['status'] == 'PENDING':
                pass
            waits.append((time.perf_counter() - start) * 1000)
        waits.sort()
        cpu_before = {name: cpu_s(shop.pid(name)) for name in DAEMONS}
        start = time.perf_counter()
        loadgen(port, 64, ORDERS, request('POST', '/orders', port, b'{"amount":1}', token), 201)
        peak = {name: 0.0 for name in DAEMONS}

        def all_paid():
            for name in DAEMONS:
                peak[name] = max(peak[name], rss_mib(shop.pid(name)))
            answer = shop.call('order-service', 'GET', '/orders?status=PENDING&first=1', token=token)
            return not answer.json['items']
        wait_until('all orders paid', all_paid)
        seconds = time.perf_counter() - start
        cpu = {name: round((cpu_s(shop.pid(name)) - cpu_before[name]) * 1e6 / ORDERS) for name in DAEMONS}
        paid = [m for m in shop.messages('payment-events')]
        equal(ORDERS + 200, len({key for key, _, _ in paid}))
        return ({'p50_ms': round(waits[100], 2), 'p99_ms': round(waits[197], 2),
                 'goal': 'p50 < 5 ms and two fsyncs'},
                {'orders': ORDERS, 'orders_s': round(ORDERS / seconds), 'cpu_us_per_order': cpu},
                {name: round(mib, 1) for name, mib in peak.items()})


def start_and_idle():
    """From exec to the start-up line, and the memory of a daemon that has nothing to do."""
    starts, idle = {}, {}
    with Shop(LOG_LEVEL='error') as shop:
        for name in DAEMONS:
            idle[name] = round(rss_mib(shop.pid(name)), 1)
        shop.stop()
        env = {**shop.env, **{PORTS[name]: '0' for name in DAEMONS}}
        for name in DAEMONS:
            times = []
            for _ in range(ROUNDS):
                start = time.perf_counter()
                daemon = subprocess.Popen([f'{BIN}/{name}'], env=env, cwd=shop.folder,
                                          stdout=subprocess.PIPE, stderr=shop.log)
                daemon.stdout.readline()
                times.append((time.perf_counter() - start) * 1000)
                daemon.terminate()
                daemon.wait()
            starts[name] = round(statistics.median(times), 1)
    return starts, idle


def table(results):
    print(f'\n{"what":34} {"measured":>12}  {"against":>12}  {"ratio":>6}  goal')
    for what, unit, r in (('HTTP floor', 'req/CPU s', results['http']),
                          ('POST /orders on SQLite', 'orders/s', results['orders'])):
        ours, floor = (next(v for k, v in r.items() if k.startswith(p)) for p in ('ours', 'floor'))
        print(f'{what + ", " + unit:34} {ours:>12}  {floor:>12}  {r["ratio"]:>6}  {r["goal"]}')
    latency = results['latency']
    print(f'{"order to PAID, p50 / p99, ms":34} {latency["p50_ms"]:>12}  {latency["p99_ms"]:>12}'
          f'  {"":6}  {latency["goal"]}')
    print(f'{"pipeline, orders/s":34} {results["pipeline"]["orders_s"]:>12}')
    print(f'\n{"daemon":22} {"start ms":>9} {"idle MiB":>9} {"load MiB":>9} {"CPU us/order":>13}')
    for name in DAEMONS:
        print(f'{name:22} {results["start_ms"][name]:>9} {results["idle_mib"][name]:>9} '
              f'{results["load_mib"][name]:>9} {results["pipeline"]["cpu_us_per_order"][name]:>13}')
    print(f'{"goal":22} {"15":>9} {"12":>9} {"32":>9}\n')


results = {'http': http_floor(), 'orders': orders_floor()}
results['latency'], results['pipeline'], results['load_mib'] = latency_and_pipeline()
results['start_ms'], results['idle_mib'] = start_and_idle()
table(results)
print(json.dumps(results))
