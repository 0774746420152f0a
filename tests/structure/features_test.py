"""Every feature switched off by itself, and all at once: what is left builds, nothing else is gone, and
who asks for what is gone is told so. Prints TAP.

    features_test.py SOURCE-ROOT FEATURE...     those of meson_options.txt that can be built here

All builds share one folder and are not optimised, so that only what differs is compiled again."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT, FOUND = sys.argv[1], set(sys.argv[2:])
sys.path.insert(0, f'{ROOT}/tests/integration')
import tap

SCRATCH = tempfile.mkdtemp(prefix='ecom-features-')
BUILD = f'{SCRATCH}/build'
DAEMONS = {'user-service', 'product-service', 'order-service', 'graphql-gateway', 'payment-worker',
           'notification-worker', 'ecom'}
# What is not installed without a feature.
GONE = {
    'sqlite': set(),
    'mongodb': {'libecom-mongodb.so', 'libecom-mongodb.a'},
    'http': {'libecom-http.so', 'libecom-http.a', *DAEMONS},
    'kafka': {'libecom-kafka.so', 'libecom-kafka.a'},
    'graphql': {'libecom-graphql.so', 'libecom-graphql.a', *DAEMONS},
    'lambda': {'libecom-lambda.so', 'libecom-lambda.a', 'payment-lambda', 'notification-lambda'},
    'aws': {'libecom-aws.so', 'libecom-aws.a'},
}
# A daemon with a setting that needs a feature, and what it says without.
TOLD = {
    'sqlite': ('user-service', {}, 'built without SQLite'),
    'mongodb': ('user-service', {'USER_MONGODB_URI': 'mongodb://127.0.0.1:9/users'}, 'install libecom-mongodb'),
    'kafka': ('payment-worker', {'KAFKA_BOOTSTRAP_SERVERS': '127.0.0.1:9'}, 'install libecom-kafka'),
    'aws': ('payment-worker', {'PAYMENT_LAMBDA_NAME': 'payment', 'AWS_REGION': 'eu-north-1',
                               'AWS_ACCESS_KEY_ID': 'id', 'AWS_SECRET_ACCESS_KEY': 'key'}, 'libecom-aws.so'),
}


def equal(want, got, *context):
    if want != got:
        raise AssertionError('\n'.join([f'want {want!r}', f' got {got!r}', *map(str, context)]))


def run(*command):
    out = subprocess.run(command, capture_output=True, text=True)
    equal(0, out.returncode, ' '.join(command), out.stdout[-6000:], out.stderr[-3000:])
    return out.stdout


def build(targets):
    run('ninja', '-C', BUILD, '-j', str(os.cpu_count()), *targets)


def switches(off):
    return [f'-D{name}={"enabled" if name in FOUND - off else "disabled"}' for name in sorted(GONE)]


def build_installed():
    """Builds what is installed, and returns its names. What tests are there is known then, too."""
    build(['build.ninja'])
    with open(f'{BUILD}/meson-info/intro-targets.json') as targets:
        files = [name for target in json.load(targets) if target['installed'] for name in target['filename']]
    build([os.path.relpath(name, BUILD) for name in files])
    return {re.sub(r'\.so\..*', '.so', os.path.basename(name)) for name in files}


def every_feature_has_its_row():
    with open(f'{ROOT}/meson_options.txt') as options:
        features = set(re.findall(r"^option\('(\w+)', type: 'feature'", options.read(), flags=re.M))
    equal(features - {'tests'}, set(GONE))


def all_of_them_build():
    global everything
    run('meson', 'setup', BUILD, ROOT, '-Dwerror=true', '-Doptimization=0', '-Ddebug=false',
        '-Dtests=enabled', *switches(off=set()))
    everything = build_installed()
    equal(set().union(*(GONE[name] for name in FOUND)), everything & set().union(*GONE.values()))


def tells(program, settings, words):
    environment = {'PATH': os.environ['PATH'], 'JWT_SECRET': 'of these tests' * 3,
                   'ECOM_DATA_DIR': f'{SCRATCH}/data', 'USER_PORT': '0', 'PAYMENT_WORKER_PORT': '0'}
    out = subprocess.run([f'{BUILD}/bin/{program}'], cwd=SCRATCH, env={**environment, **settings},
                         capture_output=True, text=True, timeout=120)
    equal(78, out.returncode, out.stderr)
    assert words in out.stderr, out.stderr


def without(name):
    def case():
        run('meson', 'configure', BUILD, *switches(off={name}))
        left = build_installed()
        equal((GONE[name], set()), (everything - left, left - everything))
        if name in TOLD and DAEMONS <= left:
            tells(*TOLD[name])
    case.__name__ = f'without_{name}_the_rest_builds'
    return case


def without_any_of_them_the_core_builds_and_passes_its_unit_tests():
    run('meson', 'configure', BUILD, *switches(off=FOUND))
    build(['all'])
    run('meson', 'test', '-C', BUILD, '--no-rebuild', '--suite', 'unit', '--print-errorlogs',
        '--timeout-multiplier', '3')
    with open(f'{BUILD}/meson-logs/testlog.json') as log:
        results = [json.loads(line)['result'] for line in log]
    equal({'OK'}, set(results))
    assert len(results) >= 30, results


try:
    tap.run([every_feature_has_its_row, all_of_them_build, *map(without, sorted(FOUND)),
             without_any_of_them_the_core_builds_and_passes_its_unit_tests])
finally:
    shutil.rmtree(SCRATCH)
