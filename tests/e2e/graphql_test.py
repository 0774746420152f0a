"""The gateway's engine from outside: joins, levels that go on at once, services that fail or hang,
settings, and documents made to hurt."""
import hashlib
import json
import os
import threading
import time

from lone_gateway import Gateway
from shop import PATIENCE_S, equal, run_tests

SANITIZED = any(k.endswith('SAN_OPTIONS') for k in os.environ)
MODERN = {'Accept': 'application/graphql-response+json'}
TIME = '2026-01-01T00:00:00.000Z'


def user(number):
    return {'id': f'u{number}', 'email': f'u{number}@example.com', 'createdAt': TIME}


def order(number):
    return {'id': f'o{number}', 'userId': f'u{number % 3}', 'amount': 1.5, 'currency': 'EUR',
            'status': 'PAID', 'createdAt': TIME, 'updatedAt': TIME}


def product(number):
    return {'id': f'p{number}', 'name': 'Tea', 'price': 3, 'currency': 'EUR', 'stock': 1, 'createdAt': TIME}


def shop_of(method, path, query):
    if path == '/users':
        return 200, {'items': [user(int(i[1:])) for i in query['ids'].split(',')]}
    if path == '/users/me':
        return 200, user(1)
    if path == '/orders':
        return 200, {'items': [order(i) for i in range(0, 9)]}
    if path == '/orders/pages':  # u2's are not for this caller
        return 200, {'items': [{'userId': u, 'items': [order(int(u[1:]))], 'nextCursor': None}
                               for u in query['userIds'].split(',') if u != 'u2']}
    if path == '/notifications':  # of o0 to o3, newest first or not
        return 200, {'items': [{'id': 'e' + o, 'orderId': o, 'userId': 'u1', 'status': 'SENT', 'text': 'For ' + o,
                                'updatedAt': TIME} for o in reversed(query['orderIds'].split(',')) if o < 'o4']}
    if path == '/products':
        return 200, {'items': [product(i) for i in range(int(query.get('first', 20)))]}
    return 404, {'code': 'NOTFOUND', 'detail': 'no such thing'}


def each_level_asks_each_service_once():
    with Gateway(shop_of) as gateway:
        got = gateway.ask('{ orders { nodes { id user { email a: orders(first: 1, status: PAID) '
                          '{ nodes { user { id } } } } } } products { edges { cursor node { name } } } }').json
        equal([{'id': f'o{i}', 'user': {'email': f'u{i % 3}@example.com',
                                        'a': {'nodes': [{'user': {'id': f'u{i % 3}'}}]} if i % 3 < 2 else None}}
               for i in range(9)], got['data']['orders']['nodes'])
        equal([(['orders', 'nodes', i, 'user', 'a'], 'FORBIDDEN') for i in (2, 5, 8)],
              sorted((e['path'], e['extensions']['code']) for e in got['errors']))
        calls = [(path, query) for _, path, query in gateway.services.calls]
        equal([('/orders', {'first': '20'}),
               ('/orders/pages', {'userIds': 'u0,u1,u2', 'first': '1', 'status': 'PAID'}),
               ('/products', {'first': '20'}), ('/users', {'ids': 'u0,u1'}), ('/users', {'ids': 'u0,u1,u2'})],
              sorted(calls, key=str))


def the_histories_of_a_level_are_one_call_and_do_without_it():
    def away(method, path, query):
        return (500, {}) if path == '/notifications' else shop_of(method, path, query)

    for answer, told in ((shop_of, 4), (away, 0)):
        with Gateway(answer) as gateway:
            got = gateway.ask('{ orders { nodes { id events { type text } } } }').json
            equal(None, got.get('errors'))
            created, paid = ({'type': t, 'text': None} for t in ('ORDER_CREATED', 'PAYMENT_COMPLETED'))
            equal([{'id': f'o{i}', 'events': [created, paid] +
                    [{'type': 'NOTIFICATION_SENT', 'text': f'For o{i}'}] * (i < told)} for i in range(9)],
                  got['data']['orders']['nodes'])
            equal([('/orders', {'first': '20'}), ('/notifications', {'orderIds': ','.join(f'o{i}' for i in range(9))})],
                  [(path, query) for _, path, query in gateway.services.calls])


def more_than_a_service_takes_at_once_are_several_calls_under_way_together():
    def answer(method, path, query):
        return (200, {'items': [{**order(0), 'id': f'o{i:03}'} for i in range(101)]}) if path == '/orders' \
            else shop_of(method, path, query)

    with Gateway(answer) as gateway:
        got = gateway.ask('{ orders { nodes { events { type } } } }').json
        equal({3}, {len(node['events']) for node in got['data']['orders']['nodes']})
        equal([1, 100], sorted(len(q['orderIds'].split(',')) for _, path, q in gateway.services.calls
                               if path == '/notifications'))


def calls_of_a_level_are_under_way_together():
    together = threading.Barrier(4)

    def answer(method, path, query):
        if 'ids' not in query:
            together.wait(PATIENCE_S)  # none is answered before all four are there
        return shop_of(method, path, query)

    with Gateway(answer, GATEWAY_TIMEOUT_MS='60000') as gateway:
        got = gateway.ask('{ me { id } a: orders { nodes { id } } products(first: 2) { nodes { id } } '
                          'b: orders(first: 3) { nodes { user { id } } } }').json
        equal(None, got.get('errors'))
        equal('u1', got['data']['me']['id'])


def a_service_that_hangs_costs_its_own_fields_only():
    def answer(method, path, query):
        return None if path == '/orders' else shop_of(method, path, query)

    with Gateway(answer, GATEWAY_TIMEOUT_MS='1500') as gateway:
        start = time.monotonic()
        got = gateway.ask('{ me { id orders { nodes { id } } } orders { nodes { id } } products(first: 1) { nodes { id } } }')
        took = time.monotonic() - start
        equal(200, got.status)
        equal({'me': {'id': 'u1', 'orders': None}, 'orders': None, 'products': {'nodes': [{'id': 'p0'}]}},
              got.json['data'])
        equal([(['me', 'orders'], 'UNAVAILABLE'), (['orders'], 'UNAVAILABLE')],
              sorted((e['path'], e['extensions']['code']) for e in got.json['errors']))
        assert took < 30, took
        equal({'data': {'__typename': 'Query'}}, gateway.ask('{ __typename }').json)


def what_services_say_has_a_code_and_what_they_hide_stays_hidden():
    told = {}

    def answer(method, path, query):
        return told['status'], {'code': told['code'], 'detail': 'disk on fire at 10.0.0.1', 'field': 'id'}

    with Gateway(answer) as gateway:
        for status, code, want in ((401, 'UNAUTHENTICATED', 'UNAUTHENTICATED'), (403, 'FORBIDDEN', 'FORBIDDEN'),
                                   (409, 'CONFLICT', 'CONFLICT'), (400, 'INVAL', 'BAD_USER_INPUT'),
                                   (429, 'RATE', 'RATE_LIMITED'), (503, 'UNAVAILABLE', 'UNAVAILABLE'),
                                   (500, 'BACKEND', 'INTERNAL_SERVER_ERROR')):
            told.update(status=status, code=code)
            got = gateway.post({'query': '{ product(id: "x") { id } }'}, {'x-correlation-id': f'corr-{status}'}).json
            error, = got['errors']
            equal((None, want), (got['data']['product'], error['extensions']['code']), status)
            equal(status < 500, 'disk on fire' in error['message'], error)
            if status >= 500:
                lines = [line for line in gateway.log().splitlines() if f'corr-{status}' in line]
                assert any('disk on fire' in line for line in lines), lines
        told.update(status=404, code='NOTFOUND')
        equal({'data': {'product': None}}, gateway.ask('{ product(id: "x") { id } }').json)


def settings_reach_the_engine():
    many = ' '.join(f'p{i}: product(id: "{i}") {{ id }}' for i in range(4))
    limits = {
        'GRAPHQL_MAX_DEPTH': ('3', '{ orders { nodes { user { id } } } }', 'max_depth'),
        'GRAPHQL_MAX_ALIASES': ('3', '{ ' + many + ' }', 'max_aliases'),
        'GRAPHQL_MAX_ROOT_FIELDS': ('3', '{ __typename me { id } a: me { id } b: me { id } }', 'max_roots'),
        'GRAPHQL_MAX_DIRECTIVES': ('1', '{ me @skip(if: true) { id @skip(if: true) } }', 'max_directives'),
        'GRAPHQL_MAX_TOKENS': ('100', '{' + ' __typename' * 99 + ' }', 'max_tokens'),
        'GRAPHQL_MAX_COST': ('40', '{ products(first: 20) { nodes { id name } } }', 'max_cost'),
    }
    with Gateway(shop_of, GRAPHQL_MAX_BATCH='2', GRAPHQL_INVALID_STATUS='422', GRAPHQL_INTROSPECTION='off',
                 **{name: value for name, (value, _, _) in limits.items()}) as gateway:
        for value, document, limit in limits.values():
            got = gateway.ask(document)
            error, = got.json['errors']
            equal((400, 'TOO_LARGE'), (got.status, error['extensions']['code']), error)
            assert limit in error['message'] and f'more than {value} ' in error['message'], error
            assert 'data' not in got.json
        typename = {'query': '{ __typename }'}
        equal([{'data': {'__typename': 'Query'}}] * 2, gateway.post([typename] * 2).json)
        got = gateway.post([typename] * 3)
        equal(400, got.status)
        assert 'max_batch' in got.json['errors'][0]['message'], got.json
        got = gateway.post({'query': '{ nope }'}, MODERN)
        equal((422, 'Cannot query field "nope" on type "Query".'), (got.status, got.json['errors'][0]['message']))
        equal(422, gateway.post({'query': '{ __schema { types { name } } }'}, MODERN).status)
        equal(400, gateway.post({'query': '{'}, MODERN).status)
        cost = gateway.ask('{ products(first: 10) { nodes { id } } }', extensions={'cost': True}).json
        equal({'cost': {'requested': 12, 'max': 40}}, cost['extensions'])
    with Gateway(shop_of) as gateway:
        equal(400, gateway.post([{'query': '{ __typename }'}]).status)
        equal(400, gateway.post({'query': '{ nope }'}, MODERN).status)
        equal(200, gateway.post({'query': '{ __schema { types { name } } }'}, MODERN).status)


def only_trusted_documents_run():
    document, other = '{ me { id } }', '{ me { email } }'
    name = hashlib.sha256(document.encode()).hexdigest()
    gateway = Gateway(shop_of, GRAPHQL_TRUSTED_DOCUMENTS='trusted.json')
    with open(os.path.join(gateway.folder, 'trusted.json'), 'w') as file:
        json.dump({name: document}, file)
    with gateway:
        want = {'data': {'me': {'id': 'u1'}}}
        equal(want, gateway.ask(document).json)
        equal(want, gateway.post({'documentId': 'sha256:' + name}).json)
        equal('DOCUMENT_NOT_TRUSTED', gateway.ask(other).json['errors'][0]['extensions']['code'])
    for content, why in (('{"' + name + '": "{ me { name } }"}', 'is not the SHA-256'), ('[1]', 'not a string'),
                         ('["{ nope }"]', 'trusted document 1'), ('[', 'trusted.json'), (None, 'trusted.json')):
        gateway = Gateway(shop_of, GRAPHQL_TRUSTED_DOCUMENTS='trusted.json')
        if content is not None:
            with open(os.path.join(gateway.folder, 'trusted.json'), 'w') as file:
                file.write(content)
        try:
            with gateway:
                raise RuntimeError(f'it started with {content}')
        except AssertionError as failed:
            assert why in str(failed) or 'did not start' not in str(failed), failed


def bombs():
    """(name, body, the limit that its error names; None: it is answered)"""
    def query(text, variables=None):
        return json.dumps({'query': text, 'variables': variables or {}})

    def squared(n, leaf='id'):
        return ' '.join(f'fragment F{i} on User {{ ...F{i + 1} ...F{i + 1} }}' for i in range(n)) + \
            f' fragment F{n} on User {{ {leaf} }}'
    users = '{ me { ' + 'orders { nodes { user { ' * 40 + 'id' + ' } } }' * 40 + ' } }'
    return (
        ('depth', query('{ me { ' + 'orders { nodes { user { ' * 6 + 'id' + ' } } }' * 6 + ' } }'), 'max_depth'),
        ('nesting', query(users), 'max_nesting'),
        ('aliases', query('{ ' + ' '.join(f'a{i}: me {{ id }}' for i in range(3000)) + ' }'), 'max_tokens'),
        ('fewer aliases', query('{ ' + ' '.join(f'a{i}: __typename' for i in range(51)) + ' }'), 'max_aliases'),
        ('fragments squared', query('{ me { ...F0 } } ' + squared(40)), 'max_fields'),
        ('fragments in a row', query('{ me { ...F0 } } ' + ' '.join(f'fragment F{i} on User {{ ...F{i + 1} }}' for i in range(900)) +
                                     ' fragment F900 on User { id }'), 'max_nesting'),
        ('directives', query('{ me' + ' @skip(if: false)' * 10000 + ' { id } }'), 'max_bytes|max_tokens'),
        ('fewer directives', query('{ me' + ' @a' * 101 + ' { id } }'), 'max_directives'),
        ('braces', query('{' * 1000000), 'max_bytes'),
        ('fewer braces', query('{a' * 5000), 'max_nesting'),
        ('brackets', query('{ me(a: ' + '[' * 200000), 'max_nesting|max_tokens'),
        ('roots', query('{ ' + '__typename ' * 51 + '}'), 'max_roots'),
        ('cost', query('{ orders(first: 1000) { nodes { user { orders(first: 1000) { nodes { id } } } } } }'), 'max_cost'),
        ('variables, many', query('query($a: [Int]) { me { id } }', {'a': [1] * 330000}), '100000 values'),
        ('variables, deep', '{"query":"{ me { id } }","variables":{"a":' + '[' * 900000 + '}}', 'inside each other'),
        ('variables, long', query('query($a: String) { products(search: $a) { nodes { id } } }', {'a': 'x' * 1000000}),
         'max_variable_bytes'),
        ('variables, keys', query('{ me { id } }', {f'k{i}': i for i in range(60000)}), 'keys'),
        ('overlapping fields', query('{ me { ' + ' '.join('orders(first: 1) { nodes { user { ' + ' '.join(
            'orders(first: 1) { nodes { id } }' for _ in range(26)) + ' } } }' for _ in range(26)) + ' } }'), None),
        ('overlapping fragments', query('{ me { ...F0 } } ' + ' '.join(
            f'fragment F{i} on User {{ ...F{i + 1} orders {{ nodes {{ user {{ ...F{i + 1} }} }} }} }}' for i in range(14)) +
            ' fragment F14 on User { id }'), 'max_'),
        ('introspection', query('{ __schema { types { fields { type { fields { type { fields { type { fields { type { '
                                'fields { name } } } } } } } } } } } }'), 'introspection depth'),
    )


def bombs_are_cheap_to_refuse():
    most_cpu_ms = 250 if not SANITIZED else 10000
    with Gateway(shop_of) as gateway:
        for _ in range(20):
            gateway.ask('{ me { id } products(first: 20) { nodes { id } } }')
        before = gateway.memory_kib('VmRSS')
        small = {'running': True, 'served': 0, 'wrong': []}

        def ask_beside():
            while small['running']:
                got = gateway.ask('{ __typename }')
                small['served'] += 1
                if got.json != {'data': {'__typename': 'Query'}}:
                    small['wrong'].append(got.body)
                time.sleep(0.02)

        for name, body, limit in bombs():
            cpu = gateway.cpu_ms()
            for _ in range(3):
                got = gateway.post(body, MODERN)
                if not limit:
                    assert got.json['data'], got.body[:300]
                    continue
                assert 400 <= got.status < 500, (name, got.status, got.body[:300])
                errors = got.json.get('errors')
                assert errors and 'data' not in got.json, (name, got.body[:300])
                assert any(part in errors[0]['message'] for part in limit.split('|')), (name, errors[0])
                assert len(got.body) < 4096, (name, len(got.body))
            spent = (gateway.cpu_ms() - cpu) / 3
            said = errors[0]['message'] if limit else 'answered'
            print(f'# {name}: {len(body)} bytes, {spent:.0f} ms of CPU: {said[:90]}')
            assert spent <= most_cpu_ms, (name, spent)
        beside = threading.Thread(target=ask_beside)
        beside.start()
        for _ in range(3):
            for name, body, _ in bombs():
                gateway.post(body)
        small['running'] = False
        beside.join(PATIENCE_S)
        equal([], small['wrong'])
        assert small['served'] > 0
        equal(413, gateway.status_of_huge(32 << 20))
        most = gateway.memory_kib('VmHWM') - before
        kept = gateway.memory_kib('VmRSS') - before
        print(f'# memory: {before} KiB before, {most} KiB more at most, {kept} KiB more after')
        if not SANITIZED:
            assert most < 32 << 10, most
            assert kept < 16 << 10, kept


run_tests(
    each_level_asks_each_service_once,
    the_histories_of_a_level_are_one_call_and_do_without_it,
    more_than_a_service_takes_at_once_are_several_calls_under_way_together,
    calls_of_a_level_are_under_way_together,
    a_service_that_hangs_costs_its_own_fields_only,
    what_services_say_has_a_code_and_what_they_hide_stays_hidden,
    settings_reach_the_engine,
    only_trusted_documents_run,
    bombs_are_cheap_to_refuse,
)
