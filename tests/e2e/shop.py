"""A whole shop for one test: free ports, a folder of its own, `ecom up`, and an HTTP client. Prints
TAP. Needs nothing but Python's standard library. ECOM_E2E_STORES: see stores.py;
ECOM_E2E_BUS: see buses.py."""
import collections
import contextlib
import http.client
import json
import os
import queue
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import buses
import stores

BIN = os.environ.get('ECOM_BIN_DIR', '')
DAEMONS = {
    'user-service': 'User Service running on :{}',
    'product-service': 'Product Service running on :{}',
    'order-service': 'Order Service running on :{}',
    'graphql-gateway': 'GraphQL Gateway running on :{}',
    'payment-worker': 'payment-worker consuming order-events',
    'notification-worker': 'notification-worker consuming payment-events',
}
PORTS = {
    'user-service': 'USER_PORT',
    'product-service': 'PRODUCT_PORT',
    'order-service': 'ORDER_PORT',
    'graphql-gateway': 'GATEWAY_PORT',
    'payment-worker': 'PAYMENT_WORKER_PORT',
    'notification-worker': 'NOTIFICATION_WORKER_PORT',
}
MEMORY_KIB = 64 * 1024  # of a daemon, whatever happens: four times what it needs
PATIENCE_S = 120  # before a wait is given up; never a measure of speed


RESERVED = []


def free_ports(n):
    """Ports that stay ours until the test ends, also while nobody listens there: a socket that is bound
    keeps others away, and with SO_REUSEADDR lets listen who sets that too, as all servers do."""
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(('127.0.0.1', 0))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    RESERVED.extend(sockets)
    return [s.getsockname()[1] for s in sockets]


def wait_until(what, done, patience_s=PATIENCE_S):
    """Calls done() until it gives something true, which is returned."""
    end = time.monotonic() + patience_s
    while True:
        result = done()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f'waited {patience_s} s in vain for {what}')
        time.sleep(0.02)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


class Shop:
    """`with Shop() as shop:`; settings go to every daemon's environment."""

    def __init__(self, **settings):
        self.folder = tempfile.mkdtemp(prefix='ecom-e2e-')
        self.port = dict(zip(PORTS, free_ports(len(PORTS))))
        self.env = {
            'PATH': os.environ['PATH'],
            'JWT_SECRET': secrets.token_hex(32),
            'ECOM_DATA_DIR': os.path.join(self.folder, 'data'),
            'ECOM_HOST': '127.0.0.1',
            'ARGON2_MEMORY_KIB': '8192',
            'ARGON2_PASSES': '1',
            **{PORTS[name]: str(port) for name, port in self.port.items()},
            **{k: v for k, v in os.environ.items() if k.endswith('SAN_OPTIONS')},
            **stores.settings(),
            **buses.settings(),
            **settings,
        }
        self.log = open(os.path.join(self.folder, 'log'), 'wb')
        self.lines = None
        self.up = None

    def __enter__(self):
        try:
            self.start()
        except BaseException as e:
            self.__exit__(type(e))
            raise
        return self

    def __exit__(self, kind, *_):
        self.stop()
        self.log.close()
        if kind:
            with open(os.path.join(self.folder, 'log'), errors='replace') as log:
                print(''.join('# ' + line for line in log.readlines()[-60:]))
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        self.up = subprocess.Popen([os.path.join(BIN, 'ecom'), 'up'], env=self.env,
                                   cwd=self.folder, stdout=subprocess.PIPE, stderr=self.log)
        self.lines = queue.Queue()
        threading.Thread(target=self._read_lines, args=(self.up.stdout, self.lines),
                         daemon=True).start()
        missing = {DAEMONS[name].format(port) for name, port in self.port.items()}
        while missing:
            missing.discard(self.line())

    @staticmethod
    def _read_lines(stdout, lines):
        for line in stdout:
            lines.put(line.decode().rstrip('\n'))
        lines.put(None)

    def line(self):
        """The next line of `ecom up`'s stdout."""
        line = self.lines.get(timeout=PATIENCE_S)
        if line is None:
            raise AssertionError(f'ecom up ended with status {self.up.wait(timeout=PATIENCE_S)}')
        return line

    def stop(self):
        """SIGTERM; returns the exit status."""
        if self.up.poll() is None:
            self.up.send_signal(signal.SIGTERM)
        return self.up.wait(timeout=PATIENCE_S)

    def pid(self, daemon):
        """The process of a daemon: a child of `ecom up`; None while it is down."""
        path = f'/proc/{self.up.pid}/task/{self.up.pid}/children'
        for pid in open(path).read().split():
            with contextlib.suppress(OSError):
                if open(f'/proc/{pid}/comm').read().strip() == daemon[:15]:
                    return int(pid)
        return None

    def run(self, *args):
        """Runs a verb of `ecom` beside the shop."""
        return subprocess.run([os.path.join(BIN, 'ecom'), *args], env=self.env, cwd=self.folder,
                              capture_output=True, text=True, timeout=PATIENCE_S)

    def call(self, daemon, method, path, body=None, token=None, headers=()):
        """One request; a str or bytes body goes as it is, anything else as JSON."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port[daemon], timeout=PATIENCE_S)
        sent = dict(headers)
        if token:
            sent['Authorization'] = f'Bearer {token}'
        if body is not None:
            sent.setdefault('Content-Type', 'application/json')
            if not isinstance(body, (str, bytes)):
                body = json.dumps(body)
        try:
            connection.request(method, path, body, sent)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def graphql(self, query, variables=None, token=None):
        return self.call('graphql-gateway', 'POST', '/graphql',
                         {'query': query, 'variables': variables or {}}, token)

    def customer(self, email='ada@example.com', password='correct horse'):
        """Registers and logs in: (user id, token). A database that has just begun may take so long
        over its first connections that nothing was done yet."""
        def ask(path):
            answer = self.call('user-service', 'POST', path, person)
            return answer.status != 503 and answer
        person = {'email': email, 'password': password, 'name': 'Ada'}
        made = wait_until('a customer', lambda: ask('/auth/register'))
        equal(201, made.status, made.body)
        session = wait_until('a token', lambda: ask('/auth/login'))
        equal(200, session.status, session.body)
        return made.json['id'], session.json['token']

    def order_surely(self, token, key):
        """Asks until an order is accepted, and gives its id: the idempotency key makes that safe."""
        def attempt():
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = self.call('order-service', 'POST', '/orders', {'amount': 1}, token,
                                   {'Idempotency-Key': key})
                if answer.status == 201:
                    return answer.json['id']
                assert answer.status in (409, 500, 502, 503, 504), (answer.status, answer.body)
            return None
        return wait_until(f'the acceptance of {key}', attempt)

    def settled(self, order_id, token, patience_s=PATIENCE_S):
        """Waits until the order is no longer PENDING, and gives it."""
        def done():
            answer = self.call('order-service', 'GET', f'/orders/{order_id}', token=token)
            return answer.status == 200 and answer.json['status'] != 'PENDING' and answer.json
        return wait_until(f'the end of order {order_id}', done, patience_s)

    def notified(self, order_id, token):
        """Waits for the notifications of an order, and gives them."""
        def done():
            answer = self.call('notification-worker', 'GET', f'/notifications?orderId={order_id}',
                               token=token)
            items = answer.json['items'] if answer.status == 200 else []
            return items and all(item['status'] == 'SENT' for item in items) and items
        return wait_until(f'the notification of order {order_id}', done)

    def messages(self, topic):
        """Every message of a topic, as `ecom events` prints it: (key, headers, event); none while it is
        not there."""
        out = self.run('events', topic)
        assert out.returncode in (0, 66), out.stderr
        lines = out.stdout.splitlines()
        found = []
        for head, body in zip(lines[::2], lines[1::2]):
            _, _, key, *headers = head.split('  ')
            found.append((key, dict(header.split('=', 1) for header in headers), json.loads(body)))
        return found


def place(shop, token, n):
    return [shop.call('order-service', 'POST', '/orders', {'amount': 1}, token).json['id']
            for _ in range(n)]


def check_paid_once(shop, token, orders, patience_s=PATIENCE_S):
    equal({'PAID'}, {shop.settled(order, token, patience_s)['status'] for order in orders})
    payments = collections.defaultdict(set)
    for key, _, event in shop.messages('payment-events'):
        payments[key].add(event['id'])
    equal({order: 1 for order in orders}, {order: len(ids) for order, ids in payments.items()})


def check_small(shop):
    """None of the daemons that run has ever had more memory than it may."""
    most = {}
    for daemon in DAEMONS:
        with open(f'/proc/{shop.pid(daemon)}/status') as status:
            most[daemon] = next(int(line.split()[1]) for line in status if line.startswith('VmHWM'))
    print(f'# memory: {max(most.values())} KiB at most', flush=True)
    assert max(most.values()) < MEMORY_KIB, most


def equal(want, got, *context):
    if want != got:
        raise AssertionError(f'want {want!r}, got {got!r}' + ''.join(f'\n{c!r}' for c in context))


def run_tests(*tests):
    """Runs functions as TAP cases; their names are the sentences."""
    print(f'1..{len(tests)}')
    failed = 0
    for number, test in enumerate(tests, 1):
        try:
            test()
            result = 'ok'
        except Exception:
            result, failed = 'not ok', failed + 1
            print(''.join('# ' + line + '\n' for line in traceback.format_exc().splitlines()), end='')
        print(f'{result} {number} - {test.__name__}', flush=True)
    sys.exit(1 if failed else 0)
