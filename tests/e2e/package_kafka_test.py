"""The functions' packages with a Kafka client, against a real Kafka over SASL_SSL: in a root that
holds nothing but the executable, the CA and /etc/hosts. Prints TAP."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import zipfile

from buses import Kafka
from lambda_api import Function
from shop import BIN, equal, run_tests

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = tempfile.mkdtemp(prefix='ecom-package-')
KAFKA = Kafka()


def order(order_id):
    return {'type': 'ORDER_CREATED', 'id': f'e-{order_id}', 'time': '2026-01-01T00:00:00Z',
            'orderId': order_id, 'userId': 'u-1', 'amount': 19.99, 'currency': 'USD'}


def batch(*orders):
    records = [{'topic': 'order-events', 'partition': 0, 'offset': n, 'timestamp': 0, 'timestampType': 'CREATE_TIME',
                'key': base64.b64encode(o['orderId'].encode()).decode(),
                'value': base64.b64encode(json.dumps(o).encode()).decode(), 'headers': []}
               for n, o in enumerate(orders)]
    return {'eventSource': 'SelfManagedKafka', 'bootstrapServers': 'x', 'records': {'order-events-0': records}}


def published(settings):
    out = subprocess.run([os.path.join(BIN, 'ecom'), 'events', 'payment-events'], text=True, capture_output=True,
                         timeout=120, cwd=FOLDER, env={'PATH': os.environ['PATH'], **settings})
    equal(0, out.returncode, out.stderr)
    return [json.loads(line) for line in out.stdout.splitlines()[1::2]]


def unpack(name):
    """A root with the bootstrap and what it may read."""
    root = os.path.join(FOLDER, name)
    with zipfile.ZipFile(os.path.join(FOLDER, 'dist', f'{name}-lambda.zip')) as package:
        package.extract('bootstrap', root)
    os.chmod(os.path.join(root, 'bootstrap'), 0o755)
    os.mkdir(os.path.join(root, 'etc'))
    with open(os.path.join(root, 'etc', 'hosts'), 'w') as hosts:
        hosts.write('127.0.0.1 localhost\n')
    return root


def the_packages_are_made():
    run = subprocess.run([f'{ROOT}/scripts/package-lambda', '--kafka', '--output', f'{FOLDER}/dist'], text=True,
                         capture_output=True, timeout=900)
    equal(0, run.returncode, run.stderr[-4000:])
    for name in ('payment', 'notification'):
        size = os.path.getsize(f'{FOLDER}/dist/{name}-lambda.zip')
        assert size < 5 << 20, size


def what_a_batch_gave_rise_to_is_in_kafka_before_the_answer():
    if os.geteuid() != 0:
        print('# skipped: chroot is for root')
        return
    settings, root = KAFKA.settings(sasl=True), unpack('payment')
    shutil.copy(settings['KAFKA_CA_FILE'], os.path.join(root, 'ca.pem'))
    with Function('/bootstrap', root=root, **{**settings, 'KAFKA_CA_FILE': '/ca.pem'}) as f:
        equal({'batchItemFailures': []}, f.result(batch(order('o-1'), order('o-2'))))
        f.process.kill()  # what the answer says, survives
        equal(['o-1', 'o-2'], sorted(e['orderId'] for e in published(settings)))


def a_kafka_that_is_away_leaves_the_batch_to_come_again():
    with Function(os.path.join(FOLDER, 'payment', 'bootstrap'), KAFKA_BOOTSTRAP_SERVERS='127.0.0.1:1') as f:
        answer = f.invoke(batch(order('o-1')), timeout_s=2)
        assert not answer.ok or len(answer.answer['batchItemFailures']) == 1, answer.answer


try:
    run_tests(the_packages_are_made,
              what_a_batch_gave_rise_to_is_in_kafka_before_the_answer,
              a_kafka_that_is_away_leaves_the_batch_to_come_again)
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
