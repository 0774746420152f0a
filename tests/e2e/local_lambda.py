"""`ecom lambda serve` for a test, and functions written in Python for what real ones will not do."""
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading

from shop import BIN, PATIENCE_S, free_ports

PAYMENT, NOTIFICATION = os.path.join(BIN, 'payment-lambda'), os.path.join(BIN, 'notification-lambda')
RUNTIME = '''
import http.client, json, os, sys, time
api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
PREFIX = '/2018-06-01/runtime/invocation/'

def call(method, path, body=None):
    api.request(method, PREFIX + path, body)
    response = api.getresponse()
    return response, response.read()

def answer(event, context):
    try:
        return 'response', handle(event, context)
    except Exception as e:
        return 'error', {'errorType': type(e).__name__, 'errorMessage': str(e), 'stackTrace': []}

while True:
    response, event = call('GET', 'next')
    request_id = response.headers['Lambda-Runtime-Aws-Request-Id']
    event = json.loads(event)
    context = json.loads(response.headers['Lambda-Runtime-Client-Context'] or '{}')
    kind, result = answer(event, context)
    call('POST', request_id + '/' + kind, json.dumps(result))
'''


def python_function(folder, name, handler):
    """A bootstrap in Python: `handler` defines handle(event, context). Returns its path."""
    path = os.path.join(folder, name)
    with open(path, 'w') as file:
        file.write(f'#!{sys.executable} -S\n' + textwrap.dedent(handler) + RUNTIME)
    os.chmod(path, 0o755)
    return path


class Lambda:
    """`with Lambda(pay=PATH) as local:`; options and settings are those of the command."""

    def __init__(self, *options, port=None, settings=None, **functions):
        self.port = port or free_ports(1)[0]
        self.url = f'http://127.0.0.1:{self.port}'
        self.command = [os.path.join(BIN, 'ecom'), 'lambda', 'serve', '--port', str(self.port), *options,
                        *(f'{name}={path}' for name, path in functions.items())]
        self.env = {'PATH': os.environ['PATH'], 'LOG_FORMAT': 'json',
                    **{k: v for k, v in os.environ.items() if k.endswith('SAN_OPTIONS')},
                    **(settings or {})}
        # What a client needs to find it.
        self.client = {'AWS_ENDPOINT_URL_LAMBDA': self.url, 'AWS_REGION': 'eu-central-1',
                       'AWS_ACCESS_KEY_ID': 'AKLOCAL', 'AWS_SECRET_ACCESS_KEY': 'local'}
        self.process = None

    def __enter__(self):
        self.log = tempfile.TemporaryFile('w+')
        self.process = subprocess.Popen(self.command, env=self.env, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True)
        line = self.process.stdout.readline().strip()
        assert line == f'Lambda running on :{self.port}', (line, self.logged())
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        status = self.process.wait(timeout=PATIENCE_S)
        if kind:
            print(''.join('# ' + line + '\n' for line in self.logged().splitlines()[-60:]))
        assert kind or status == 0, (status, self.logged())

    def logged(self):
        self.log.seek(0)
        return self.log.read()

    def processes(self):
        """The functions' processes: children of any of its threads."""
        found = []
        for task in os.listdir(f'/proc/{self.process.pid}/task'):
            with contextlib.suppress(OSError):  # a thread that has ended
                with open(f'/proc/{self.process.pid}/task/{task}/children') as children:
                    found += [int(pid) for pid in children.read().split()]
        return found

    def frozen(self):
        """How many of them stand still."""
        count = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                count += open(f'/proc/{pid}/stat').read().split(') ')[1][0] == 'T'
        return count

    def kill_functions(self):
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
