"""scripts/run --once in a copy of the tree, as in a fresh clone, with ports of its own."""
import os
import pty
import shutil
import subprocess
import tempfile

from shop import PORTS, equal, free_ports, run_tests

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def on_a_terminal(folder, env):
    """What a person sees who stops the shop by Ctrl-C once it runs."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve('scripts/run', ['scripts/run'], env)
    seen, stopped = '', False
    while True:
        try:
            seen += os.read(terminal, 65536).decode(errors='replace')
        except OSError:  # the last who had the other end is gone
            break
        if not stopped and 'Ctrl-C stops it.' in seen:
            os.write(terminal, b'\x03')
            stopped = True
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen


def the_timeline_stands_alone(folder, env):
    status, seen = on_a_terminal(folder, env)
    equal(130, status, seen)
    timeline = seen[seen.index('correlation id'):seen.index('The shop is running')].splitlines()
    strange = [line for line in timeline if line and ' ms' not in line]
    equal(1, len(strange), seen)  # its title
    assert 'all stopped' in seen, seen  # what comes behind it is shown
    with open(f'{folder}/build/shop.log') as log:
        text = log.read()
    assert 'Your payment' in text and '"message"' not in text, text


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
        assert '{"time"' in out.stderr, out.stderr[-3000:]
        the_timeline_stands_alone(folder, {**env, **ports, 'TERM': 'xterm'})
    finally:
        shutil.rmtree(folder)


def what_it_does_not_know_is_named():
    for arguments, why in ((['--onc'], "unknown option '--onc'"), (['--once', 'x'], "unexpected argument 'x'")):
        out = subprocess.run(['scripts/run', *arguments], cwd=ROOT, capture_output=True, text=True)
        equal((64, ''), (out.returncode, out.stdout))
        assert out.stderr.startswith(f'scripts/run: {why}\n'), out.stderr


run_tests(what_it_does_not_know_is_named, a_fresh_clone_runs_the_whole_way)
