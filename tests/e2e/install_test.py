"""The installed library, as somebody else would use it: examples built by pkg-config alone, shared
and static, in a scratch prefix, and run against the running shop."""
import contextlib
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import zipfile

from shop import Shop, equal, run_tests, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ['ECOM_BUILD_ROOT']
SCRATCH = tempfile.mkdtemp(prefix='ecom-install-')
SHARED, STATIC = f'{SCRATCH}/shared', f'{SCRATCH}/static'
KINDS = ((SHARED, ''), (STATIC, '--static'))


def sh(command, **env):
    out = subprocess.run(['bash', '-euc', command], capture_output=True, text=True,
                         env={**os.environ, **env}, cwd=SCRATCH)
    equal(0, out.returncode, command, out.stdout, out.stderr)
    return out.stdout


def pkgconfig(prefix):
    folder = os.path.dirname(glob.glob(f'{prefix}/**/libecom.pc', recursive=True)[0])
    return {'PKG_CONFIG_PATH': folder, 'LD_LIBRARY_PATH': os.path.dirname(folder)}


def build(example, prefix, options=''):
    shutil.copy(f'{ROOT}/examples/{example}.c', SCRATCH)
    # As the pages have it: cc watch.c -o watch $(pkg-config --cflags --libs libecom), and
    # cc graphql.c -o graphql $(pkg-config --cflags --libs libecom-graphql)
    package = {'backend': 'libecom libecom-testing', 'graphql': 'libecom-graphql',
               'seats': 'libecom-http'}.get(example, 'libecom')
    sh(f'cc -Wall -Wextra -Werror {example}.c -o {prefix}/{example} '
       f'$(pkg-config {options} --cflags --libs {package})', **pkgconfig(prefix))
    return [f'{prefix}/{example}']


def it_installs_into_a_scratch_prefix():
    sh(f'meson install -C {BUILD} --no-rebuild --quiet --destdir {SHARED}')
    shutil.copytree(SHARED, STATIC, symlinks=True)
    for library in glob.glob(f'{STATIC}/**/libecom*.so*', recursive=True):
        os.unlink(library)
    version = sh('pkg-config --modversion libecom', **pkgconfig(SHARED)).strip()
    assert version in open(f'{ROOT}/meson.build').read(), version


def a_graphql_schema_of_ones_own_shared_and_static():
    for prefix, options in KINDS:
        program = build('graphql', prefix, options)
        out = subprocess.run([*program, '{ books { author { name } } }'], capture_output=True,
                             text=True, env={**os.environ, **pkgconfig(prefix)})
        names = [{'author': {'name': name}} for name in ('Ada', 'Grace', 'Ada')]
        equal({'data': {'books': names}}, json.loads(out.stdout), out.stderr)
        equal('3 books want their authors\n', out.stderr)
        out = subprocess.run([*program, '{ books { title ... @defer { author { name } } } }'], capture_output=True,
                             text=True, env={**os.environ, **pkgconfig(prefix)})
        first, second = map(json.loads, out.stdout.splitlines())
        equal(3, len(first['pending']), first)
        equal(names, [part['data'] for part in second['incremental']])
        equal('3 books want their authors\n', out.stderr)


@contextlib.contextmanager
def running(program, out, prefix=SHARED, **env):
    process = subprocess.Popen(program, stdout=out, env={**os.environ, **pkgconfig(prefix), **env})
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def take_part(prefix, options):
    greeting, watch, loyalty = (build(name, prefix, options) for name in ('greeting', 'watch', 'loyalty'))
    with Shop() as shop, open(f'{SCRATCH}/out', 'w+') as out:
        bus, store = f'sqlite:{shop.folder}/data/bus', f'sqlite:{shop.folder}/loyalty.db'
        _, token = shop.customer()
        with running([*watch, bus], out, prefix), running([*loyalty, bus, store], out, prefix):
            order = shop.call('order-service', 'POST', '/orders', {'amount': 30}, token).json

            def both_said_so():
                said = open(out.name).read()
                return f"order {order['id']} is paid" in said and '30 points for' in said
            wait_until('the examples', both_said_so)
            wait_until('the event', lambda: 'loyalty-events' in shop.run('events').stdout)
        (_, _, event), = shop.messages('loyalty-events')
        equal(('POINTS_GRANTED', 30), (event['type'], event['points']))
        said = subprocess.run([*greeting, bus, 'Ada'], capture_output=True, text=True,
                              env={**os.environ, **pkgconfig(prefix)})
        equal((0, 'hello, Ada\n'), (said.returncode, said.stdout), said.stderr)
        (_, _, event), = shop.messages('greetings')
        equal(('GREETING', 'Ada'), (event['type'], event['name']))


def examples_take_part_in_the_running_shop_shared_and_static():
    for prefix, options in KINDS:
        take_part(prefix, options)


def take_seats(prefix, options):
    seats = build('seats', prefix, options)
    with Shop() as shop, open(f'{SCRATCH}/out', 'w+') as out:
        bus, store = f'sqlite:{shop.folder}/data/bus', f'sqlite:{shop.folder}/seats.db'
        user, token = shop.customer()
        with running([*seats, bus, store, '0'], out, prefix, JWT_SECRET=shop.env['JWT_SECRET']):
            port = wait_until('the seats', lambda: re.search(r'^seats on :(\d+)$', open(out.name).read(), re.M))
            shop.port['seats'] = int(port[1])
            taken = shop.call('seats', 'POST', '/seats', {'seat': 'A1'}, token)
            equal((201, 'A1', user), (taken.status, taken.json['seat'], taken.json['userId']))
            equal(taken.json, shop.call('seats', 'GET', f'/seats/{taken.json["id"]}', token=token).json)
            for status, seat, who in (401, 'A2', None), (409, 'A1', token), (400, 'A12345678', token):
                equal(status, shop.call('seats', 'POST', '/seats', {'seat': seat}, who).status, seat)
            equal(404, shop.call('seats', 'GET', '/seats/none', token=token).status)
            equal('ready', shop.call('seats', 'GET', '/readyz').json['status'])
            wait_until('the event', lambda: 'seat-events' in shop.run('events').stdout)
        (key, _, event), = shop.messages('seat-events')
        equal(('A1', 'SEAT_TAKEN', user), (key, event['type'], event['userId']))


def a_service_with_routes_takes_the_shops_tokens_shared_and_static():
    for prefix, options in KINDS:
        take_seats(prefix, options)


def a_function_of_ones_own_runs_under_the_local_lambda():
    """As docs/lambda.md has it: make test, make quote.zip."""
    folder = shutil.copytree(f'{ROOT}/examples/function', f'{SCRATCH}/function')
    binaries = os.path.dirname(glob.glob(f'{SHARED}/**/bin/ecom', recursive=True)[0])
    out = sh(f'cd {folder} && make test && make quote.zip',
             **{**pkgconfig(SHARED), 'PATH': f'{binaries}:{os.environ["PATH"]}'})
    assert 'quote: all is well' in out, out
    with zipfile.ZipFile(f'{folder}/quote.zip') as package:
        equal([('bootstrap', 0o100755)],
              [(item.filename, item.external_attr >> 16) for item in package.infolist()])


def a_backend_of_ones_own_passes_the_suite_shared_and_static():
    for prefix, options in KINDS:
        out = subprocess.run(build('backend', prefix, options), capture_output=True, text=True,
                             env={**os.environ, **pkgconfig(prefix)})
        equal(0, out.returncode, out.stdout[-3000:], out.stderr)
        assert out.stdout.count('\nok ') >= 40, out.stdout


try:
    run_tests(it_installs_into_a_scratch_prefix,
              a_graphql_schema_of_ones_own_shared_and_static,
              examples_take_part_in_the_running_shop_shared_and_static,
              a_service_with_routes_takes_the_shops_tokens_shared_and_static,
              a_function_of_ones_own_runs_under_the_local_lambda,
              a_backend_of_ones_own_passes_the_suite_shared_and_static)
finally:
    shutil.rmtree(SCRATCH)
