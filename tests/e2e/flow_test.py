"""The typical flow through real processes, and the refusals on its way."""
import concurrent.futures
import json
import os
import re
import resource
import subprocess
import sys
import tempfile

import buses
import stores
from shop import BIN, DAEMONS, PORTS, Shop, equal, free_ports, run_tests

CREATE_ORDER = '''mutation CreateOrder($userId: String!, $amount: Float!) {
  createOrder(userId: $userId, amount: $amount) { id status userId amount }
}'''


def from_registering_to_the_paid_order_over_rest():
    with Shop() as shop:
        user_id, token = shop.customer()
        product = shop.call('product-service', 'POST', '/products',
                            {'name': 'Blue teapot', 'price': 19.99}, token)
        equal(201, product.status, product.body)
        found = shop.call('product-service', 'GET', '/products?search=teapot')
        equal([product.json['id']], [p['id'] for p in found.json['items']])

        order = shop.call('order-service', 'POST', '/orders', {'amount': 19.99, 'userId': user_id},
                          token, {'x-correlation-id': 'flow-1'})
        equal(201, order.status, order.body)
        equal('flow-1', order.headers['x-correlation-id'])
        equal(('PENDING', user_id, 19.99), tuple(order.json[k] for k in ('status', 'userId', 'amount')))
        order_id = order.json['id']
        equal('PAID', shop.settled(order_id, token)['status'])
        notes = shop.notified(order_id, token)
        equal(['PAYMENT_COMPLETED'], [n['type'] for n in notes])

        for topic, kind in (('order-events', 'ORDER_CREATED'), ('payment-events', 'PAYMENT_COMPLETED')):
            (key, headers, event), = shop.messages(topic)
            equal((order_id, 'flow-1', kind), (key, headers['x-correlation-id'], event['type']))
            equal((order_id, user_id, 19.99, 'USD', 'flow-1'),
                  tuple(event[k] for k in ('orderId', 'userId', 'amount', 'currency', 'correlationId')))


def from_the_mutation_to_the_paid_order_over_graphql():
    with Shop() as shop:
        user_id, token = shop.customer()
        answer = shop.graphql(CREATE_ORDER, {'userId': user_id, 'amount': 42.5}, token)
        equal(200, answer.status, answer.body)
        order = answer.json['data']['createOrder']
        equal(('PENDING', user_id, 42.5), (order['status'], order['userId'], order['amount']))
        shop.settled(order['id'], token)
        read = shop.graphql('query($id: ID!) { order(id: $id) { status: status, __typename } }',
                            {'id': order['id']}, token)
        equal({'data': {'order': {'status': 'PAID', '__typename': 'Order'}}}, read.json)


def a_declined_payment_fails_the_order_and_is_told():
    with Shop() as shop:
        _, token = shop.customer()
        order = shop.call('order-service', 'POST', '/orders', {'amount': 10.13}, token).json
        settled = shop.settled(order['id'], token)
        equal('PAYMENT_FAILED', settled['status'])
        equal(['PAYMENT_FAILED'], [n['type'] for n in shop.notified(order['id'], token)])


def refusals_say_what_is_wrong():
    with Shop() as shop:
        user_id, token = shop.customer()
        other_id, other_token = shop.customer('eve@example.com')
        order = shop.call('order-service', 'POST', '/orders', {'amount': 1}, token).json
        cases = [
            (401, None, {'amount': 1}),
            (401, token[:-2], {'amount': 1}),
            (400, token, '{'),
            (400, token, {'amount': 1.001}),
            (400, token, {'amount': 0}),
            (400, token, {'amount': -1}),
            (400, token, {}),
            (403, token, {'amount': 1, 'userId': other_id}),
        ]
        for status, who, body in cases:
            answer = shop.call('order-service', 'POST', '/orders', body, who)
            equal((status, 'application/problem+json'),
                  (answer.status, answer.headers['content-type']), body, answer.body)
        path = f"/orders/{order['id']}"
        equal(404, shop.call('order-service', 'GET', path, token=other_token).status)
        equal(405, shop.call('order-service', 'DELETE', path, token=token).status)
        equal(409, shop.call('user-service', 'POST', '/auth/register',
                             {'email': 'ADA@example.com', 'password': 'correct horse'}).status)
        answer = shop.graphql(CREATE_ORDER, {'userId': user_id, 'amount': 1})
        equal('UNAUTHENTICATED', answer.json['errors'][0]['extensions']['code'], answer.body)


def no_secret_is_in_the_log():
    """At any level, whether it is good or refused."""
    secrets = ['correct horse', 'battery staple', 'short!', '$argon2id$']
    with Shop(LOG_LEVEL='debug') as shop:
        user_id, token = shop.customer()
        secrets += [shop.env['JWT_SECRET'], *token.split('.')[1:]]
        for password, status in (('battery staple', 401), ('correct horse', 200)):
            answer = shop.call('user-service', 'POST', '/auth/login',
                               {'email': 'ada@example.com', 'password': password})
            equal(status, answer.status, answer.body)
        equal(400, shop.call('user-service', 'POST', '/auth/register',
                             {'email': 'eve@example.com', 'password': 'short!'}).status)
        equal(401, shop.call('order-service', 'GET', '/orders', token=token[:-1]).status)
        equal(404, shop.call('order-service', 'GET', f'/orders/x?token={token}', token=token).status)
        order = shop.graphql(CREATE_ORDER, {'userId': user_id, 'amount': 1}, token).json
        shop.settled(order['data']['createOrder']['id'], token)
        shop.graphql('mutation { login(email: "ada@example.com", password: "battery staple") '
                     '{ token } }')
        shop.stop()
        with open(os.path.join(shop.folder, 'log')) as log:
            text = log.read()
    assert '"level":"debug"' in text, text
    equal([], [secret for secret in secrets if secret in text], text)


def what_is_not_set_is_null():
    with Shop() as shop:
        account = {'email': 'nameless@example.com', 'password': 'correct horse'}
        user = shop.call('user-service', 'POST', '/auth/register', account).json
        equal(None, user['name'])
        session = shop.call('user-service', 'POST', '/auth/login', account).json
        equal(None, session['user']['name'])
        answer = shop.graphql('{ me { name } }', {}, session['token'])
        equal({'name': None}, answer.json['data']['me'])
        order = shop.call('order-service', 'POST', '/orders', {'amount': 1}, session['token']).json
        equal((None, None), (order['paymentId'], order['failureReason']))
        page = shop.call('order-service', 'GET', '/orders', token=session['token']).json
        equal(None, page['nextCursor'])


def the_same_idempotency_key_makes_one_order():
    with Shop() as shop:
        _, token = shop.customer()
        key = {'Idempotency-Key': 'k1'}
        first = shop.call('order-service', 'POST', '/orders', {'amount': 5}, token, key)
        shop.settled(first.json['id'], token)
        again = shop.call('order-service', 'POST', '/orders', {'amount': 5}, token, key)
        equal((201, first.json), (again.status, again.json))
        equal(422, shop.call('order-service', 'POST', '/orders', {'amount': 6}, token, key).status)
        equal(1, len(shop.messages('order-events')))


def validate(path, api):
    """By openapi-spec-validator, which need not be here in a quick run."""
    venv = os.path.join(os.environ.get('ECOM_TEST_VENV', ''), 'bin', 'python3')
    python = venv if os.path.exists(venv) else sys.executable
    with open(path, 'w') as file:
        json.dump(api, file)
    run = subprocess.run([python, '-m', 'openapi_spec_validator', path], capture_output=True,
                         text=True)
    missing = 'No module named' in run.stderr and os.environ.get('CI') != 'true'
    assert missing or run.returncode == 0, run.stdout + run.stderr


def two_order_services_on_one_store_make_one_order_of_a_key():
    """Who comes second to another process waits for its write, and then gives its answer."""
    port, = free_ports(1)
    with Shop() as shop, concurrent.futures.ThreadPoolExecutor(4) as pool:
        _, token = shop.customer()
        beside = subprocess.Popen([os.path.join(BIN, 'order-service')], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, cwd=shop.folder,
                                  env={**shop.env, 'ORDER_PORT': str(port)})
        beside.stdout.readline()
        shop.port['beside'] = port

        def order(daemon, key, amount):
            while True:
                answer = shop.call(daemon, 'POST', '/orders', {'amount': amount}, token,
                                   {'Idempotency-Key': key})
                if answer.status not in (409, 503, 504):  # in progress, or a slow disk: ask again
                    return answer

        for i in range(10):
            key = f'key {i}'
            answers = list(pool.map(lambda daemon: order(daemon, key, 5),
                                    ('order-service', 'beside') * 2))
            equal({201}, {answer.status for answer in answers}, [a.body for a in answers])
            equal(1, len({answer.body for answer in answers}), [a.body for a in answers])
            equal(422, order(('order-service', 'beside')[i % 2], key, 6).status)
        beside.terminate()
        equal(0, beside.wait())
        page = shop.call('order-service', 'GET', '/orders?first=100', token=token).json
        equal(10, len(page['items']))


def every_daemon_tells_its_health_metrics_and_api():
    with Shop() as shop:
        for daemon in DAEMONS:
            for path in ('/healthz', '/readyz', '/metrics', '/openapi.json'):
                answer = shop.call(daemon, 'GET', path)
                equal(200, answer.status, daemon, path, answer.body)
            api = shop.call(daemon, 'GET', '/openapi.json').json
            equal('3.1', api['openapi'][:3])
            names = [operation['operationId'] for path in api['paths'].values()
                     for operation in path.values()]
            equal(len(names), len(set(names)), daemon, names)
            assert all(re.fullmatch('[A-Za-z][A-Za-z0-9]*', name) for name in names), names
            validate(os.path.join(shop.folder, 'api.json'), api)
            assert {'/healthz', '/readyz', '/metrics', '/openapi.json'} <= set(api['paths']), api
        doctor = shop.run('doctor')
        equal(0, doctor.returncode, doctor.stdout, doctor.stderr)


def nobody_loads_the_client_of_a_transport_that_is_not_used():
    unused = [name for name, used in (('rdkafka', buses.KIND), ('mongoc', stores.KIND)) if not used]
    with Shop() as shop:
        for daemon in DAEMONS:
            with open(f'/proc/{shop.pid(daemon)}/maps') as maps:
                equal([], [line for line in maps if any(name in line for name in unused)], daemon)


def daemons_ask_for_all_the_descriptors_they_may_have():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, hard - 1, 200), hard))
    try:
        with Shop() as shop:
            for daemon in DAEMONS:
                equal((hard, hard), resource.prlimit(shop.pid(daemon), resource.RLIMIT_NOFILE))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def a_full_disk_shows_in_readiness_until_there_is_space_again():
    if buses.KIND and stores.KIND:
        return  # none of the daemons' own
    with Shop() as shop:
        _, token = shop.customer()
        for daemon in ('order-service', 'payment-worker'):
            equal(200, shop.call(daemon, 'GET', '/readyz').status)
            _, hard = resource.prlimit(shop.pid(daemon), resource.RLIMIT_FSIZE, (4096, -1))
            answer = shop.call(daemon, 'GET', '/readyz')
            equal((503, 'unavailable'), (answer.status, answer.json['status']), answer.body)
            resource.prlimit(shop.pid(daemon), resource.RLIMIT_FSIZE, (hard, hard))
            equal(200, shop.call(daemon, 'GET', '/readyz').status)
        order = shop.call('order-service', 'POST', '/orders', {'amount': 7}, token).json
        equal('PAID', shop.settled(order['id'], token)['status'])


def the_demo_shows_the_way_and_the_shop_stops_in_order():
    with Shop() as shop:
        demo = shop.run('demo')
        equal(0, demo.returncode, demo.stdout, demo.stderr)
        for part in ('ORDER_CREATED', 'PAYMENT_COMPLETED', 'PAID', 'createOrder', 'notification'):
            assert part in demo.stdout, demo.stdout
        equal(0, shop.stop())


def data_outlives_a_restart():
    with Shop() as shop:
        _, token = shop.customer()
        order = shop.call('order-service', 'POST', '/orders', {'amount': 7}, token).json
        shop.stop()
        shop.start()
        equal('PAID', shop.settled(order['id'], token)['status'])


def a_group_for_all_daemons_leaves_each_its_own():
    with Shop(ECOM_CONSUMER_GROUP='mine') as shop:
        _, token = shop.customer()
        orders = [shop.call('order-service', 'POST', '/orders', {'amount': 1}, token).json['id']
                  for _ in range(8)]
        equal({'PAID'}, {shop.settled(order, token)['status'] for order in orders})
        equal({1}, {len(shop.notified(order, token)) for order in orders})


def wrong_settings_are_all_told_at_once():
    try:
        with Shop(JWT_SECRET='short', USER_PORT='x'):
            raise AssertionError('it started')
    except AssertionError as error:
        assert 'status 78' in str(error), error


def refused(settings, *faults):
    """What the order service says of a file of settings, in which each of the faults is told."""
    with tempfile.NamedTemporaryFile('w', suffix='.env') as file:
        file.write(settings)
        file.flush()
        run = subprocess.run([os.path.join(BIN, 'order-service'), '--env-file', file.name],
                             env={'PATH': os.environ['PATH']}, capture_output=True, text=True)
    equal(78, run.returncode, run.stderr)
    for fault in faults:
        assert fault in run.stderr, run.stderr
    return run.stderr


def faults_of_lines_and_of_values_are_told_together():
    said = refused("JWT_SECRET='oops\nUSER_PORT=x\nLOG_LEVEL=loud\n1=\n1=\n1=\nKAFKA_API_KEY=k\n",
                   'line 1: ', 'USER_PORT: ', 'LOG_LEVEL: ', 'line 4: ', 'line 5: ', 'line 6: ')
    assert 'JWT_SECRET' not in said and 'KAFKA_API_SECRET' not in said, said


def faults_that_no_setting_has_alone_are_told_with_those():
    refused('USER_PORT=x\nKAFKA_API_KEY=k\nKAFKA_BOOTSTRAP_SERVERS=SASL_SSL://a:1\nTRUSTED_PROXIES=::1,localhost\n',
            'USER_PORT: ', 'KAFKA_API_SECRET: must be set with KAFKA_API_KEY',
            'KAFKA_BOOTSTRAP_SERVERS: must be host:port[,host:port]..., without SASL_SSL:// or options',
            'TRUSTED_PROXIES: no address: localhost', 'JWT_SECRET: must be set')


assert set(PORTS) == set(DAEMONS)
run_tests(from_registering_to_the_paid_order_over_rest,
          from_the_mutation_to_the_paid_order_over_graphql,
          a_declined_payment_fails_the_order_and_is_told,
          refusals_say_what_is_wrong,
          no_secret_is_in_the_log,
          what_is_not_set_is_null,
          the_same_idempotency_key_makes_one_order,
          two_order_services_on_one_store_make_one_order_of_a_key,
          every_daemon_tells_its_health_metrics_and_api,
          nobody_loads_the_client_of_a_transport_that_is_not_used,
          daemons_ask_for_all_the_descriptors_they_may_have,
          a_full_disk_shows_in_readiness_until_there_is_space_again,
          the_demo_shows_the_way_and_the_shop_stops_in_order,
          data_outlives_a_restart,
          a_group_for_all_daemons_leaves_each_its_own,
          wrong_settings_are_all_told_at_once,
          faults_of_lines_and_of_values_are_told_together,
          faults_that_no_setting_has_alone_are_told_with_those)
