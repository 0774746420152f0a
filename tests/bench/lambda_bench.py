"""The runtime of functions: from exec to the first `next`, from an event to its answer (and how much of
that is over what the exchange costs with a function that does not read it: two waits for a processor),
and memory; beside Node's aws-lambda-ric and Go's aws-lambda-go, with the same empty handler, round
about. What cannot be had (no compiler of Go, no network for npm) is left out, and said."""
import os
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lambda')
STARTS, INVOCATIONS, WARM = 20, 3000, 300


class Api:
    """The Runtime API for one function that is well: as little code as that takes."""

    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.address = f'127.0.0.1:{self.listener.getsockname()[1]}'
        self.selector = selectors.EpollSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.parts = {}

    def close(self):
        for connection in self.parts:
            connection.close()
        self.selector.close()
        self.listener.close()

    @staticmethod
    def is_whole(data):
        head, end, body = data.partition(b'\r\n\r\n')
        head = head.lower()
        if b'transfer-encoding: chunked' in head:
            return body.endswith(b'0\r\n\r\n')
        at = head.find(b'content-length:')
        return bool(end) and (at < 0 or len(body) >= int(head[at + 15:].split(b'\r\n')[0]))

    def request(self):
        """The next one: its connection, and whether it asks for an invocation."""
        while True:
            for key, _ in self.selector.select(30) or [(None, None)]:
                if key is None:
                    raise RuntimeError('the function is silent')
                if key.fileobj is self.listener:
                    connection, _ = self.listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.parts[connection] = b''
                    self.selector.register(connection, selectors.EVENT_READ)
                    continue
                connection = key.fileobj
                data = connection.recv(65536)
                if not data:
                    self.selector.unregister(connection)
                    del self.parts[connection]
                    connection.close()
                    continue
                self.parts[connection] += data
                if self.is_whole(self.parts[connection]):
                    whole, self.parts[connection] = self.parts[connection], b''
                    return connection, b'/invocation/next' in whole.split(b'\r\n', 1)[0]


def invocation(n):
    return (f'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n'
            f'Lambda-Runtime-Aws-Request-Id: r-{n}\r\nLambda-Runtime-Deadline-Ms: {int(time.time() * 1000) + 60000}\r\n'
            'Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:1:function:f\r\n'
            'Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700\r\n\r\n{}').encode()


ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'


def start(command, api):
    env = {'PATH': os.environ['PATH'], 'AWS_LAMBDA_RUNTIME_API': api.address, '_HANDLER': 'index.handler',
           'LAMBDA_TASK_ROOT': HERE, 'AWS_LAMBDA_FUNCTION_NAME': 'f', 'AWS_LAMBDA_FUNCTION_VERSION': '1',
           'AWS_LAMBDA_FUNCTION_MEMORY_SIZE': '128', 'HOME': tempfile.gettempdir()}
    os.chdir(HERE)  # where aws-lambda-ric looks for the handler
    begun = time.perf_counter()
    pid = os.posix_spawn(command[0], command, env)
    return pid, begun


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def start_ms(command):
    api = Api()
    pid, begun = start(command, api)
    try:
        api.request()
        return (time.perf_counter() - begun) * 1000
    finally:
        end(pid)
        api.close()


def invoke_all(command, cpu_s, peak_mib):
    """Microseconds from an event's last byte to the answer's, the process's own processor time an
    invocation, and the most memory it has had."""
    api, waits = Api(), []
    pid, _ = start(command, api)
    try:
        connection, _ = api.request()
        for n in range(WARM + INVOCATIONS):
            if n == WARM:
                cpu = cpu_s(pid)
            answer = invocation(n)
            begun = time.perf_counter()
            connection.sendall(answer)
            connection, _ = api.request()
            waits.append((time.perf_counter() - begun) * 1e6)
            connection.sendall(ACCEPTED)
            connection, _ = api.request()
        return {'p50_us': round(statistics.median(waits[WARM:])),
                'cpu_us': round((cpu_s(pid) - cpu) * 1e6 / INVOCATIONS, 1), 'peak_mib': round(peak_mib(pid), 1)}
    finally:
        end(pid)
        api.close()


def build_go(folder):
    if not shutil.which('go'):
        return None
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns('node_modules'), dirs_exist_ok=True)
    out = subprocess.run(['go', 'build', '-ldflags=-s -w', '-tags=lambda.norpc', '-o', 'bootstrap', '.'],
                         cwd=folder, capture_output=True, text=True, env={**os.environ, 'CGO_ENABLED': '0'})
    return [os.path.join(folder, 'bootstrap')] if out.returncode == 0 else None


def install_node():
    """aws-lambda-ric compiles a library of its own: that takes cmake, autoconf, and minutes."""
    main = os.path.join(HERE, 'node_modules', 'aws-lambda-ric')
    native = os.path.join(main, 'dist', 'rapid-client.node')
    if not os.path.exists(native) and shutil.which('npm'):
        install = ['npm', 'install', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund',
                   '--loglevel=error']
        steps = (install, HERE), (
            ['sh', '-c', 'sh scripts/preinstall.sh; npx node-gyp rebuild; sh scripts/postinstall.sh'], main)
        for command, folder in steps:
            if os.path.isdir(folder):
                subprocess.run(command, cwd=folder, capture_output=True)
    if not os.path.exists(native) or not shutil.which('node'):
        return None
    return [shutil.which('node'), os.path.join(main, 'bin', 'index.mjs'), 'index.handler']


def measure(tools, cpu_s, peak_mib):
    with tempfile.TemporaryDirectory() as folder:
        commands = {'libecom': [os.path.join(tools, 'empty_function')], 'aws-lambda-go': build_go(folder),
                    'aws-lambda-ric': install_node()}
        for name in [n for n, command in commands.items() if not command]:
            print(f'{name} cannot be had here: left out', file=sys.stderr)
            del commands[name]
        starts = {name: [] for name in commands}
        for _ in range(STARTS):
            for name, command in commands.items():
                starts[name].append(start_ms(command))
        nothing = invoke_all([sys.executable, os.path.join(HERE, 'nothing.py')], cpu_s, peak_mib)
        rows = {name: {'start_p50_ms': round(statistics.median(starts[name]), 2),
                       **invoke_all(command, cpu_s, peak_mib)} for name, command in commands.items()}
    for row in rows.values():
        row['over_us'] = row['p50_us'] - nothing['p50_us']
    return rows


def show(results):
    goals = {'start_p50_ms': '< 3', 'p50_us': '', 'over_us': '< 100', 'cpu_us': '', 'peak_mib': '< 8'}
    titles = {'start_p50_ms': 'exec to next, ms', 'p50_us': 'an event, us', 'over_us': 'over nothing, us',
              'cpu_us': 'its CPU, us', 'peak_mib': 'peak MiB'}
    print(f'\n{"runtime of functions":22}' + ''.join(f'{titles[c]:>18}' for c in goals))
    for name, row in results.items():
        print(f'{name:22}' + ''.join(f'{row[c]:>18}' for c in goals))
    print(f'{"goal":22}' + ''.join(f'{g:>18}' for g in goals.values()))
