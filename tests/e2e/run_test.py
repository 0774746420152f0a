"""scripts/run --once in a copy of the tree, as in a fresh clone, with ports of its own."""
import os
import shutil
import subprocess
import tempfile

from shop import PORTS, equal, free_ports, run_tests

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def a_fresh_clone_runs_the_whole_way():
    folder = tempfile.mkdtemp(prefix='ecom-run-')
    try:
        tree = subprocess.run(['git', '-C', ROOT, 'ls-files', '-z'], capture_output=True, check=True)
        for name in filter(None, tree.stdout.decode().split('\0')):
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            shutil.copy2(os.path.join(ROOT, name), os.path.join(folder, name))
        ports = {name: str(port) for name, port in zip(PORTS.values(), free_ports(len(PORTS)))}
        env = {k: v for k, v in os.environ.items() if k not in ('CC', 'CI')}
        out = subprocess.run(['scripts/run', '--once'], cwd=folder, env={**env, **ports},
                             capture_output=True, text=True, stdin=subprocess.DEVNULL)
        equal(0, out.returncode, out.stdout, out.stderr[-3000:])
        equal(2, out.stdout.count('PAID'), out.stdout)
        equal(0o600, os.stat(f'{folder}/.env').st_mode & 0o777)
    finally:
        shutil.rmtree(folder)


run_tests(a_fresh_clone_runs_the_whole_way)
