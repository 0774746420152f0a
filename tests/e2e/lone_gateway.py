"""A gateway before services that a test plays itself: what they are asked is counted and can be held."""
import contextlib
import http.client
import json
import os
import queue
import secrets
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from shop import BIN, PATIENCE_S, Answer, free_ports

TIME = '2026-01-01T00:00:00.000Z'


def user(number):
    return {'id': f'u{number}', 'email': f'u{number}@example.com', 'createdAt': TIME}


def order(number):
    return {'id': f'o{number}', 'userId': f'u{number % 3}', 'amount': 1.5, 'currency': 'EUR',
            'status': 'PAID', 'createdAt': TIME, 'updatedAt': TIME}


def product(number):
    return {'id': f'p{number}', 'name': 'Tea', 'price': 3, 'currency': 'EUR', 'stock': 1, 'createdAt': TIME}


def shop_of(method, path, query):
    if path == '/users':
        return 200, {'items': [user(int(i[1:])) for i in query['ids'].split(',')]}
    if path == '/users/me':
        return 200, user(1)
    if path == '/orders':
        return 200, {'items': [order(i) for i in range(0, 9)]}
    if path == '/orders/pages':  # u2's are not for this caller
        return 200, {'items': [{'userId': u, 'items': [order(int(u[1:]))], 'nextCursor': None}
                               for u in query['userIds'].split(',') if u != 'u2']}
    if path == '/notifications':  # of o0 to o3, newest first or not
        return 200, {'items': [{'id': 'e' + o, 'orderId': o, 'userId': 'u1', 'status': 'SENT', 'text': 'For ' + o,
                                'type': 'PAYMENT_COMPLETED', 'updatedAt': TIME} for o in reversed(query['orderIds'].split(',')) if o < 'o4']}
    if path == '/products':
        return 200, {'items': [product(i) for i in range(int(query.get('first', 20)))]}
    return 404, {'code': 'NOTFOUND', 'detail': 'no such thing'}


class Services:
    """Users, products, orders and notifications on one port. `answer(method, path, query)` gives (status, object),
    or None: never an answer."""

    def __init__(self, answer):
        self.calls = []
        self.over = threading.Event()
        services = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def handle_any(self):
                url = urlsplit(self.path)
                query = {k: v[0] for k, v in parse_qs(url.query).items()}
                self.rfile.read(int(self.headers.get('content-length', 0)))
                services.calls.append((self.command, url.path, query))
                got = answer(self.command, url.path, query)
                if got is None:
                    services.over.wait(PATIENCE_S)
                    self.close_connection = True
                    return
                body = json.dumps(got[1]).encode()
                self.send_response(got[0])
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = handle_any

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

        self.server = Server(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


class Gateway:
    """`with Gateway(answer) as gateway:`; settings go to its environment."""

    def __init__(self, answer=lambda *_: (404, {}), **settings):
        self.folder = tempfile.mkdtemp(prefix='ecom-e2e-')
        self.services = Services(answer)
        self.port, = free_ports(1)
        self.env = {
            'PATH': os.environ['PATH'], 'JWT_SECRET': secrets.token_hex(32), 'ECOM_HOST': '127.0.0.1',
            'ECOM_DATA_DIR': self.folder, 'GATEWAY_PORT': str(self.port), 'LOG_FORMAT': 'json',
            **{f'{name}_URL': self.services.url
               for name in ('USER_SERVICE', 'PRODUCT_SERVICE', 'ORDER_SERVICE', 'NOTIFICATION_WORKER')},
            **{k: v for k, v in os.environ.items() if k.endswith('SAN_OPTIONS')}, **settings,
        }
        self.process = self.connection = None

    def __enter__(self):
        self.process = subprocess.Popen(
            [os.path.join(BIN, 'graphql-gateway')], env=self.env, cwd=self.folder,
            stdout=subprocess.PIPE, stderr=open(os.path.join(self.folder, 'log'), 'wb'))
        lines = queue.Queue()
        threading.Thread(target=lambda: [lines.put(line) for line in self.process.stdout] and None
                         or lines.put(b''), daemon=True).start()
        if lines.get(timeout=PATIENCE_S) != f'GraphQL Gateway running on :{self.port}\n'.encode():
            raise AssertionError(f'the gateway did not start: {self.log()}')
        return self

    def __exit__(self, *_):
        self.services.close()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=PATIENCE_S)
        shutil.rmtree(self.folder, ignore_errors=True)
        if status:
            raise AssertionError(f'the gateway ended with status {status}')

    def log(self):
        with open(os.path.join(self.folder, 'log'), errors='replace') as log:
            return log.read()

    def post(self, body, headers=()):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE_S)
        try:
            connection.request('POST', '/graphql', body if isinstance(body, (str, bytes)) else json.dumps(body),
                               {'Content-Type': 'application/json', **dict(headers)})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def status_of_huge(self, n):
        """Sends a body of n bytes, as far as the gateway takes it."""
        with socket.create_connection(('127.0.0.1', self.port), PATIENCE_S) as s:
            s.sendall(b'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
                      b'Content-Length: %d\r\n\r\n' % n)
            with contextlib.suppress(OSError):
                for _ in range(n // 65536):
                    s.sendall(b' ' * 65536)
            return int(s.recv(4096).split()[1])

    def ask(self, query, variables=None, **more):
        return self.post({'query': query, 'variables': variables or {}, **more})

    def cpu_ms(self):
        """User and system time of the process, all threads."""
        fields = open(f'/proc/{self.process.pid}/stat').read().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 // os.sysconf('SC_CLK_TCK')

    def memory_kib(self, what):
        """VmRSS: now; VmHWM: the most so far."""
        for line in open(f'/proc/{self.process.pid}/status'):
            if line.startswith(what + ':'):
                return int(line.split()[1])
        return 0
