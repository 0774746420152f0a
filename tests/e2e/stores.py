"""Which stores the shops of a test keep their records in. ECOM_E2E_STORES=mongodb: databases of their
own on a server of MongoDB's protocol, which belongs to the test; =mongodb-tls: the same over TLS, with
a user and a password. Otherwise: none is named, so the embedded ones are used."""
import atexit
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVICES = ('USER', 'PRODUCT', 'ORDER', 'PAYMENT', 'NOTIFICATION')


class Mongodb:
    """A server that `scripts/servers` starts, in a folder of the test's own."""

    def __init__(self, tls=False, auth=False):
        self.folder = tempfile.mkdtemp(prefix='ecom-mongodb-')
        self.env = {**os.environ, 'ECOM_SERVERS_DIR': self.folder, 'ECOM_MONGO_SERVER': 'secantus',
                    'ECOM_MONGO_TLS': str(int(tls)), 'ECOM_MONGO_AUTH': str(int(auth))}
        self.shops = 0
        atexit.register(self.clean)
        self.start()

    def _servers(self, verb):
        done = subprocess.run([os.path.join(ROOT, 'scripts/servers'), verb, 'mongodb'], env=self.env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        if done.returncode:
            if os.environ.get('CI') != 'true' and verb == 'start':
                print('1..0 # SKIP no server: ' + done.stderr.strip().splitlines()[-1])
                sys.exit(0)
            raise AssertionError(f'scripts/servers {verb}: {done.stderr}')
        return done.stdout

    def start(self):
        lines = self._servers('start')
        self.lines = dict(re.findall(r"^(\w+)='(.*)'$", lines, flags=re.M))
        self.url = self.lines['ECOM_MONGODB_URL']
        self.port = int(re.search(r':(\d+)/', self.url).group(1))

    def stop(self):
        self._servers('stop')

    def kill(self):
        """As a crash would."""
        self._servers('kill')

    def pid(self):
        with open(os.path.join(self.folder, 'mongodb', 'pid')) as file:
            return int(file.read())

    @contextlib.contextmanager
    def frozen(self):
        pid = self.pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def python(self):
        """One that has pymongo."""
        return self.lines['ECOM_MONGODB_PYTHON']

    def settings(self):
        """For a shop of its own: databases that nobody had before."""
        self.shops += 1
        return {f'{name}_MONGODB_URI': self.lines[f'{name}_MONGODB_URI'].replace(
            f'/ecom_{name.lower()}', f'/shop{self.shops}_{name.lower()}') for name in SERVICES}

    def clean(self):
        with contextlib.suppress(OSError, ValueError):
            os.kill(self.pid(), signal.SIGCONT)
        with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
            self._servers('clean')
        shutil.rmtree(self.folder, ignore_errors=True)


KIND = os.environ.get('ECOM_E2E_STORES', '')
assert KIND in ('', 'mongodb', 'mongodb-tls'), KIND
server = Mongodb(tls=KIND.endswith('tls'), auth=KIND.endswith('tls')) if KIND else None


def settings():
    """What a shop's daemons are told of their stores."""
    return server.settings() if server else {}
