"""The functions' packages: small, the same to the byte wherever they are built, and at home in a
root that holds nothing else. Prints TAP."""
import os
import shutil
import subprocess
import tempfile
import zipfile

from lambda_api import Function
from shop import PATIENCE_S, equal, run_tests, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMES = ('payment-lambda.zip', 'notification-lambda.zip')
ORDER = {'type': 'ORDER_CREATED', 'id': 'e-1', 'time': '2026-01-01T00:00:00Z', 'orderId': 'o-1',
         'userId': 'u-1', 'amount': 19.99, 'currency': 'USD'}
FOLDER = tempfile.mkdtemp(prefix='ecom-package-')


def package(name, arch=None):
    """Packages a copy of the sources in a folder of that name; returns the folder of the zips."""
    copy, output = os.path.join(FOLDER, name), f'dist-{arch}' if arch else 'dist'
    if not os.path.exists(copy):
        shutil.copytree(ROOT, copy, ignore=lambda folder, names: [
            n for n in names if n.startswith(('build', '.git', 'dist')) or n == 'node_modules'])
    run = subprocess.run([f'{copy}/scripts/package-lambda', '--output', output,
                          *(['--arch', arch] if arch else [])],
                         cwd=FOLDER, text=True, capture_output=True, timeout=900)
    equal(0, run.returncode, run.stderr[-4000:])
    return os.path.join(copy, output)


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def the_packages_are_one_static_executable_each_below_1_mib():
    dist = package('a')
    for name in NAMES:
        path = os.path.join(dist, name)
        assert os.path.getsize(path) < 1 << 20, os.path.getsize(path)
        with zipfile.ZipFile(path) as archive:
            equal(['bootstrap'], archive.namelist())
            equal(0o100755, archive.infolist()[0].external_attr >> 16)
            archive.extract('bootstrap', FOLDER)
        out = subprocess.run(['readelf', '-lS', os.path.join(FOLDER, 'bootstrap')], text=True,
                             capture_output=True, check=True).stdout
        assert 'INTERP' not in out and 'DYNAMIC' not in out and '.symtab' not in out, out


def packages_are_the_same_to_the_byte_wherever_they_are_built():
    again = package('elsewhere-and-longer')
    for name in NAMES:
        assert read(os.path.join(FOLDER, 'a', 'dist', name)) == read(os.path.join(again, name)), name


def a_package_for_arm64_runs_there():
    if not shutil.which('qemu-aarch64') or not shutil.which('aarch64-linux-gnu-gcc'):
        assert os.environ.get('CI') != 'true' or os.uname().machine != 'x86_64', 'scripts/test installs them'
        print('# skipped: apt-get install qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross')
        return
    root = os.path.join(FOLDER, 'arm64')
    with zipfile.ZipFile(os.path.join(package('a', 'arm64'), NAMES[0])) as archive:
        archive.extract('bootstrap', root)
    bootstrap = os.path.join(root, 'bootstrap')
    os.chmod(bootstrap, 0o755)
    with Function(['qemu-aarch64', bootstrap]) as f:
        equal('PAYMENT_COMPLETED', f.result(ORDER)['type'])
        equal(0, f.stop())


def a_bootstrap_runs_in_a_root_that_holds_nothing_else():
    if os.geteuid() != 0:
        print('# skipped: chroot is for root')
        return
    event = ORDER
    for name, want in zip(NAMES, ('PAYMENT_COMPLETED', 'PAYMENT_COMPLETED')):
        root = os.path.join(FOLDER, 'root-' + name)
        with zipfile.ZipFile(os.path.join(FOLDER, 'a', 'dist', name)) as archive:
            archive.extract('bootstrap', root)
        os.chmod(os.path.join(root, 'bootstrap'), 0o755)
        with Function('/bootstrap', root=root) as f:
            event = f.result(event)
            equal(want, event['type'])
            status = open(f'/proc/{f.process.pid}/status').read()
            rss = int(status.split('VmHWM:')[1].split()[0])
            assert rss < 8 << 10, f'{rss} KiB'
            equal(0, f.stop())
        equal(['bootstrap'], os.listdir(root))


def a_store_that_a_static_executable_cannot_load_is_an_initialisation_error():
    root = os.path.join(FOLDER, 'root-' + NAMES[0])
    with Function(os.path.join(root, 'bootstrap'), PAYMENT_MONGODB_URI='mongodb://nowhere') as f:
        wait_until('the error', lambda: f.init_error)
        equal('Init.NOTSUP', f.init_error[0])
        equal(78, f.process.wait(timeout=PATIENCE_S))


try:
    run_tests(
        the_packages_are_one_static_executable_each_below_1_mib,
        packages_are_the_same_to_the_byte_wherever_they_are_built,
        a_bootstrap_runs_in_a_root_that_holds_nothing_else,
        a_package_for_arm64_runs_there,
        a_store_that_a_static_executable_cannot_load_is_an_initialisation_error,
    )
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
