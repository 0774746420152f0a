"""Servers that `scripts/servers` starts, each in a folder of the test's own."""
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


class Server:
    """`lines` are the settings that it prints. Ends with the test's process."""

    def __init__(self, name, **settings):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix=f'ecom-{name}-')
        self.env = {**os.environ, 'ECOM_SERVERS_DIR': self.folder, **settings}
        atexit.register(self.clean)
        try:
            self.start()
        except AssertionError as error:
            if os.environ.get('CI') == 'true':
                raise
            print('1..0 # SKIP no server: ' + str(error).strip().splitlines()[-1])
            sys.exit(0)

    def _servers(self, verb, *args):
        done = subprocess.run([os.path.join(ROOT, 'scripts/servers'), verb, self.name, *args],
                              env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=300)
        if done.returncode:
            raise AssertionError(f'scripts/servers {verb}: {done.stderr}')
        return done.stdout

    def start(self):
        self.lines = dict(re.findall(r"^(\w+)='(.*)'$", self._servers('start'), flags=re.M))

    def stop(self):
        self._servers('stop')

    def kill(self, *which):
        """As a crash would."""
        self._servers('kill', *which)

    def pid(self, *folder):
        with open(os.path.join(self.folder, self.name, *folder, 'pid')) as file:
            return int(file.read())

    def pids(self):
        return [self.pid()]

    @contextlib.contextmanager
    def frozen(self):
        pids = self.pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def clean(self):
        with contextlib.suppress(OSError, ValueError):
            for pid in self.pids():
                os.kill(pid, signal.SIGCONT)
        with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
            self._servers('clean')
        shutil.rmtree(self.folder, ignore_errors=True)
