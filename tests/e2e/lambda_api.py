"""AWS Lambda's Runtime API as the documentation has it, for one executable at a time, with the
rules that a careless runtime breaks: an answer for another invocation, a second answer, and an
answer of the wrong kind are refused and noted. Needs nothing but Python's standard library."""
import http.server
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
import uuid

PREFIX = '/2018-06-01/runtime/'
PATIENCE_S = 120  # before a wait is given up; never a measure of speed


class Invocation:
    def __init__(self, event, timeout_s):
        self.id = str(uuid.uuid4())
        self.body = event if isinstance(event, bytes) else json.dumps(event).encode()
        self.timeout_s = timeout_s
        self.given = None
        self.done = threading.Event()
        self.ok = None
        self.answer = None
        self.error_type = None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def send(self, status, body=b'{"status":"OK"}\n', **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        api = self.server.api
        if self.path != PREFIX + 'invocation/next':
            api.faults.append(f'GET {self.path}')
            return self.send(404)
        api.nexts.append(time.monotonic())
        if api.stuck > 0:
            api.stuck -= 1
            return self.send(503)
        invocation = api.waiting.get()
        if invocation is None:
            self.close_connection = True
            return None
        invocation.given = time.monotonic()
        api.current = invocation
        return self.send(200, invocation.body, Lambda_Runtime_Aws_Request_Id=invocation.id,
                         Lambda_Runtime_Deadline_Ms=str(int((time.time() + invocation.timeout_s) * 1000)),
                         Lambda_Runtime_Invoked_Function_Arn='arn:aws:lambda:eu-central-1:1:function:f',
                         Lambda_Runtime_Trace_Id='Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700',
                         Content_Type='application/json')

    def do_POST(self):
        api = self.server.api
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        error_type = self.headers.get('Lambda-Runtime-Function-Error-Type')
        if self.path == PREFIX + 'init/error':
            api.init_error = (error_type, json.loads(body))
            return self.send(202)
        parts = self.path[len(PREFIX):].split('/')
        current = api.current
        if len(parts) != 3 or not current or parts[1] != current.id or current.done.is_set():
            api.faults.append(f'POST {self.path}')
            return self.send(400, b'{"errorType":"InvalidRequestID"}')
        if parts[2] == 'error' and set(json.loads(body)) != {'errorType', 'errorMessage', 'stackTrace'}:
            api.faults.append(f'error {body}')
        if parts[2] == 'response' and len(body) > 6 << 20:
            return self.send(413)
        current.ok = parts[2] == 'response'
        current.answer = json.loads(body)
        current.error_type = error_type
        try:
            return self.send(202)
        finally:
            current.done.set()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        pass  # a process that was killed on purpose


class Function:
    """`with Function('payment-lambda') as f: f.invoke(event)`."""

    def __init__(self, command, root=None, stuck=0, **settings):
        self.command = command if isinstance(command, list) else [command]
        self.folder = tempfile.mkdtemp(prefix='ecom-lambda-')
        self.waiting = queue.Queue()
        self.current = None
        self.faults = []
        self.nexts = []
        self.stuck = stuck
        self.init_error = None
        self.server = Server(('127.0.0.1', 0), Handler)
        self.server.api = self
        self.env = {'AWS_LAMBDA_RUNTIME_API': f'127.0.0.1:{self.server.server_port}',
                    'LOG_FORMAT': 'json',
                    **{k: v for k, v in os.environ.items() if k.endswith('SAN_OPTIONS')},
                    **settings}
        self.root = root
        self.process = None

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.start()
        return self

    def start(self):
        self.log = open(os.path.join(self.folder, 'log'), 'ab')
        change = (lambda: os.chroot(self.root)) if self.root else None
        self.process = subprocess.Popen(self.command, env=self.env, cwd=self.root or self.folder,
                                        stderr=self.log, stdout=self.log, preexec_fn=change)

    def stop(self):
        """SIGTERM; returns the exit status."""
        self.process.terminate()
        return self.process.wait(timeout=PATIENCE_S)

    def logged(self):
        lines = open(os.path.join(self.folder, 'log')).read().splitlines()
        return [json.loads(line) for line in lines if line.startswith('{')]

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.waiting.put(None)
        self.server.shutdown()
        self.server.server_close()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def invoke(self, event, timeout_s=30.0):
        """Returns the invocation, answered."""
        invocation = Invocation(event, timeout_s)
        self.waiting.put(invocation)
        if not invocation.done.wait(PATIENCE_S):
            raise AssertionError('the function gave no answer')
        return invocation

    def result(self, event):
        invocation = self.invoke(event)
        if not invocation.ok:
            raise AssertionError(f'{invocation.error_type}: {invocation.answer}')
        return invocation.answer
