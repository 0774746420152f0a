"""The gateway in front of the services: lists with their arguments, a service that is away, HTTP."""
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from urllib.parse import quote

from shop import BIN, PATIENCE_S, Shop, equal, free_ports, run_tests, wait_until

PRODUCTS = '''query($first: Int = 20, $after: String, $search: String) {
  products(first: $first, after: $after, search: $search) {
    edges { cursor node { id name } } pageInfo { hasNextPage endCursor }
  }
}'''


def lists_go_page_by_page():
    with Shop() as shop:
        _, token = shop.customer()
        ids = [shop.call('product-service', 'POST', '/products', {'name': name, 'price': 1},
                         token).json['id'] for name in ('Red & black', 'Green tea', 'Black tea')]
        seen, after, more = [], None, True
        while more:
            page = shop.graphql(PRODUCTS, {'first': 2, 'after': after}).json['data']['products']
            seen += [edge['node']['id'] for edge in page['edges']]
            after, more = page['pageInfo']['endCursor'], page['pageInfo']['hasNextPage']
        equal(ids[::-1], seen)
        found = shop.graphql(PRODUCTS, {'search': 'black &'}).json['data']['products']
        equal([ids[2], ids[0]], [edge['node']['id'] for edge in found['edges']])
        literal = shop.graphql('{ products(first: 1, search: "tea") { nodes { name } } }')
        equal({'data': {'products': {'nodes': [{'name': 'Black tea'}]}}}, literal.json)

        order = shop.call('order-service', 'POST', '/orders', {'amount': 10.13}, token).json
        shop.settled(order['id'], token)
        for status, want in (('PAYMENT_FAILED', [{'id': order['id']}]), ('PAID', [])):
            answer = shop.graphql(f'{{ orders(status: {status}) {{ nodes {{ id }} }} }}', None, token)
            equal({'data': {'orders': {'nodes': want}}}, answer.json)


def a_refused_argument_is_named_as_the_service_names_it():
    with Shop() as shop:
        error, = shop.graphql('{ products(first: 0) { nodes { id } } }').json['errors']
        equal('first: must be at least 1, is 0', error['message'])
        equal(({'code': 'BAD_USER_INPUT', 'field': 'first'}, ['products']),
              (error['extensions'], error['path']))


def what_is_no_id_is_not_there():
    """Also where a service has a route of that name."""
    with Shop() as shop:
        _, token = shop.customer()
        for field in ('order(id: "pages")', 'order(id: "..")', 'user(id: "me")', 'user(id: "")', 'product(id: ".")'):
            name = field[:field.index('(')]
            equal({'data': {name: None}}, shop.graphql('{ %s { id } }' % field, token=token).json, field)


def a_service_that_is_away_is_an_error_at_its_field():
    nobody, = free_ports(1)
    with Shop(PRODUCT_SERVICE_URL=f'http://127.0.0.1:{nobody}') as shop:
        _, token = shop.customer()
        answer = shop.graphql('{ me { email } product(id: "1") { id } }', None, token)
        equal(200, answer.status)
        equal({'me': {'email': 'ada@example.com'}, 'product': None}, answer.json['data'])
        error, = answer.json['errors']
        equal((['product'], 'UNAVAILABLE'), (error['path'], error['extensions']['code']))
        assert str(nobody) not in error['message'], error
        lists = shop.graphql('{ products { nodes { id } } orders { nodes { id } } }', None, token)
        equal({'products': None, 'orders': {'nodes': []}}, lists.json['data'])
        equal([['products']], [e['path'] for e in lists.json['errors']])


def a_service_that_never_answers_costs_a_request_its_own_fields_and_a_bounded_time():
    with socket.create_server(('127.0.0.1', 0)) as hung:  # accepts, as far as its queue goes
        url = f'http://127.0.0.1:{hung.getsockname()[1]}'
        with Shop(ORDER_SERVICE_URL=url, GATEWAY_TIMEOUT_MS='3000') as shop:
            _, token = shop.customer()
            start = time.monotonic()
            answer = shop.graphql('{ a: orders { nodes { id } } b: orders { nodes { id } }'
                                  ' products { nodes { id } } me { email } }', None, token)
            took = time.monotonic() - start
            equal({'a': None, 'b': None, 'products': {'nodes': []},
                   'me': {'email': 'ada@example.com'}}, answer.json['data'])
            equal([(['a'], 'UNAVAILABLE'), (['b'], 'UNAVAILABLE')],
                  [(e['path'], e['extensions']['code']) for e in answer.json['errors']])
            equal({'The service behind this field did not answer in time'},
                  {e['message'] for e in answer.json['errors']})
            assert took < 9, took  # the client's own patience is ten seconds a call
            answer = shop.graphql('mutation { createOrder(userId: "u", amount: 1) { id } }', None,
                                  token)
            error, = answer.json['errors']
            assert 'may have happened' in error['message'], error


def without_a_bus_subscriptions_are_refused_by_the_name_of_the_setting():
    with Shop(GATEWAY_SUBSCRIPTIONS='off') as shop:
        _, token = shop.customer()
        answer = shop.call('graphql-gateway', 'POST', '/graphql',
                           {'query': 'subscription { orderEvents { id } }'}, token,
                           {'Accept': 'text/event-stream'})
        event, done = answer.body.decode().strip().split('\n\n')
        error, = json.loads(event.removeprefix('event: next\ndata: '))['errors']
        equal(('Subscriptions are switched off here (GATEWAY_SUBSCRIPTIONS).', ['orderEvents']),
              (error['message'], error['path']))
        equal('event: complete\ndata:', done)


def events_of(port, token, n, after='all'):
    """The next n events of the caller's orders behind one that was seen, as (id, (order, type)); `all`: no id, so
    that all comes that is known."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=PATIENCE_S)
    connection.request('GET', '/graphql?query=subscription{orderEvents{orderId,type}}', headers={
        'Accept': 'text/event-stream', 'Authorization': f'Bearer {token}', 'Last-Event-ID': after})
    response, found, at = connection.getresponse(), [], None
    equal(200, response.status)
    while len(found) < n:
        name, _, value = response.readline().decode().strip().partition(': ')
        if name == 'id':
            at = value
        elif name == 'data':
            event = json.loads(value)['data']['orderEvents']
            found.append((at, (event['orderId'], event['type'])))
    connection.close()
    return found


def who_comes_back_to_another_process_misses_nothing_and_gets_nothing_twice():
    with Shop(RATE_LIMIT='off') as shop:
        _, token = shop.customer()

        def order():
            placed = shop.call('order-service', 'POST', '/orders', {'amount': 1}, token).json['id']
            shop.settled(placed, token)
            return {(placed, 'ORDER_CREATED'), (placed, 'PAYMENT_COMPLETED')}

        all_events = set().union(*(order() for _ in range(5)))
        first = events_of(shop.port['graphql-gateway'], token, 10)
        equal(all_events, {event for _, event in first})
        seen = [event for _, event in first[:4]]
        gateway = shop.pid('graphql-gateway')
        os.kill(gateway, signal.SIGKILL)
        all_events |= order()  # nobody hears of it
        wait_until('another gateway', lambda: shop.pid('graphql-gateway') not in (None, gateway))
        wait_until('its port', lambda: reaches(shop.port['graphql-gateway']))
        rest = events_of(shop.port['graphql-gateway'], token, 8, first[3][0])
        equal(sorted(all_events), sorted(seen + [event for _, event in rest]))
        beside, = free_ports(1)
        other = subprocess.Popen([os.path.join(BIN, 'graphql-gateway')], cwd=shop.folder, stdout=subprocess.PIPE,
                                 stderr=shop.log, env={**shop.env, 'GATEWAY_PORT': str(beside)})
        with contextlib.closing(other.stdout) as said, contextlib.ExitStack() as stack:
            stack.callback(other.terminate)
            equal(f'GraphQL Gateway running on :{beside}\n'.encode(), said.readline())
            last = order()
            got = events_of(beside, token, 6, rest[3][0])
            equal(sorted(all_events | last), sorted(seen + [event for _, event in rest[:4] + got]))
        equal(0, other.wait(PATIENCE_S))


def reaches(port):
    with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port)):
        return True
    return False


MODERN = 'application/graphql-response+json'


def ask(shop, method='POST', query='', headers=(), body=None):
    path = '/graphql' + ('?query=' + quote(query) if method == 'GET' else '')
    return shop.call('graphql-gateway', method, path, body, headers=dict(headers))


def requests_come_by_get_and_by_post():
    with Shop() as shop:
        got = ask(shop, 'GET', '{ __typename }')
        equal((200, {'data': {'__typename': 'Query'}}), (got.status, got.json))
        equal('application/json; charset=utf-8', got.headers['content-type'])
        equal('Accept', got.headers['vary'])
        got = ask(shop, 'GET', 'mutation { __typename }', {'accept': MODERN})
        equal((405, 'POST'), (got.status, got.headers['allow']), got.body)
        got = ask(shop, body={'query': '{'}, headers={'accept': MODERN})
        equal((400, MODERN + '; charset=utf-8'), (got.status, got.headers['content-type']))
        got = ask(shop, body='{"query":"{__typename}"}', headers={'content-type': 'text/plain'})
        equal(415, got.status, got.body)
        equal(406, ask(shop, 'GET', '{ __typename }', {'accept': 'image/png'}).status)
        equal(204, ask(shop, 'OPTIONS').status)
        equal(405, ask(shop, 'PUT').status)
        big = ask(shop, body=json.dumps({'query': ' ' * (2 << 20)}))
        equal(413, big.status)


def requests_of(shop, daemon, path):
    """How often a daemon has answered at a path, by its log, which may be a moment behind."""
    def count():
        with open(shop.log.name, errors='replace') as log:
            return sum(daemon in line and f'"path":"{path}"' in line for line in log)
    return wait_until(f'{daemon} at {path}', count)


def users_and_their_orders_are_joined_with_one_call_a_level():
    with Shop() as shop:
        user_id, token = shop.customer()
        other_id, other_token = shop.customer('eve@example.com')
        ids = [shop.call('order-service', 'POST', '/orders', {'amount': n}, token).json['id']
               for n in range(1, 6)]
        answer = shop.graphql('{ orders { nodes { id user { id orders(first: 2) { nodes { id } } } } } }',
                              None, token)
        nodes = answer.json['data']['orders']['nodes']
        equal(ids[::-1], [node['id'] for node in nodes])
        for node in nodes:
            equal({'id': user_id, 'orders': {'nodes': [{'id': ids[4]}, {'id': ids[3]}]}}, node['user'])
        equal((1, 1), (requests_of(shop, 'user-service', '/users'),
                       requests_of(shop, 'order-service', '/orders/pages')))

        query = 'query($id: ID!) { user(id: $id) { email } }'
        equal({'data': {'user': {'email': 'ada@example.com'}}},
              shop.graphql(query, {'id': user_id}, token).json)
        equal({'data': {'user': None}}, shop.graphql(query, {'id': other_id}, token).json)
        error, = shop.graphql(query, {'id': user_id}).json['errors']
        equal('UNAUTHENTICATED', error['extensions']['code'])

        login = 'mutation { login(email: "eve@example.com", password: "correct horse") ' \
                '{ user { id orders { nodes { id } } } } }'
        answer = shop.graphql(login, None, token).json
        equal({'id': other_id, 'orders': None}, answer['data']['login']['user'])
        equal('FORBIDDEN', answer['errors'][0]['extensions']['code'])
        got = shop.call('user-service', 'GET', f'/users?ids={other_id},{user_id},x', token=other_token)
        equal([other_id], [user['id'] for user in got.json['items']])
        path = f'/orders/pages?userIds={other_id},{user_id},x&first=2'
        pages = [shop.call('order-service', 'GET', path, token=t).json['items'] for t in (token, other_token)]
        equal([[(user_id, [ids[4], ids[3]], True)], [(other_id, [], False)]],
              [[(page['userId'], [o['id'] for o in page['items']], bool(page['nextCursor'])) for page in mine]
               for mine in pages])
        equal(401, shop.call('order-service', 'GET', path).status)

        answer = shop.graphql('{ orders { nodes { id events { type } } } }', None, token).json
        equal([(i, ['ORDER_CREATED']) for i in ids[::-1]],
              [(node['id'], [e['type'] for e in node['events']][:1]) for node in answer['data']['orders']['nodes']])
        equal(1, requests_of(shop, 'notification-worker', '/notifications'))
        for order in ids:
            shop.settled(order, token)
        path = '/notifications?orderIds=' + ','.join(ids)
        equal([], shop.call('notification-worker', 'GET', path, token=other_token).json['items'])
        equal(400, shop.call('notification-worker', 'GET', '/notifications', token=token).status)
        equal(400, shop.call('notification-worker', 'GET', path + ',o' * 96, token=token).status)


def guesses_through_the_gateway_brake_who_guesses():
    """The user service sees the address that the gateway tells; ours is believed as a proxy's."""
    login = 'mutation($email: String!) { login(email: $email, password: "correct horse") { token } }'

    def ask(shop, email, address):
        answer = shop.call('graphql-gateway', 'POST', '/graphql',
                           {'query': login, 'variables': {'email': email}},
                           headers={'X-Forwarded-For': f'192.0.2.66, {address}'}).json
        return answer['errors'][0]['extensions']['code'] if 'errors' in answer else None

    def guess(shop, address):
        """Until it is to wait for so long that there was time for several more: each wait is twice the one
        before, so that a slow machine gets there, too."""
        codes = []
        while codes[-4:] != ['RATE_LIMITED'] * 4:
            assert len(codes) < 100, codes
            codes.append(ask(shop, f'nobody{len(codes)}@example.com', address(len(codes))))
        return codes

    with Shop() as shop:
        shop.customer()
        codes = guess(shop, lambda _: '198.51.100.1')
        equal(['UNAUTHENTICATED'] * 21, codes[:21])
        equal('RATE_LIMITED', ask(shop, 'ada@example.com', '198.51.100.1'))
        equal(None, ask(shop, 'ada@example.com', '198.51.100.2'))
    with Shop(TRUSTED_PROXIES='0.0.0.0') as shop:
        guess(shop, lambda n: f'198.51.100.{n}')


def a_larger_graph_asks_for_entities():
    with Shop() as shop:
        user_id, token = shop.customer()
        product = shop.call('product-service', 'POST', '/products', {'name': 'Tea', 'price': 3},
                            token).json
        order = shop.call('order-service', 'POST', '/orders', {'amount': 3}, token).json
        sdl = shop.graphql('{ _service { sdl } }').json['data']['_service']['sdl']
        for part in ('@link(url: "https://specs.apollo.dev/federation/v2.0"',
                     'type Product @key(fields: "id")', 'createOrder('):
            assert part in sdl, sdl
        assert '_entities' not in sdl and '_Any' not in sdl, sdl
        keys = [{'__typename': 'Order', 'id': order['id']}, {'__typename': 'User', 'id': user_id},
                {'__typename': 'Product', 'id': product['id']}, {'__typename': 'Product', 'id': 'x'},
                {'__typename': 'Nothing', 'id': 'x'}, {'__typename': 'Product', 'id': product['id']}]
        query = """query($keys: [_Any!]!) { _entities(representations: $keys) {
          __typename ... on Order { amount user { id } } ... on User { email } ... on Product { name }
        } }"""
        tea = {'__typename': 'Product', 'name': 'Tea'}
        equal({'data': {'_entities': [
            {'__typename': 'Order', 'amount': 3, 'user': {'id': user_id}},
            {'__typename': 'User', 'email': 'ada@example.com'}, tea, None, None, tea]}},
            shop.graphql(query, {'keys': keys}, token).json)
        answer = shop.graphql(query, {'keys': keys[:3]}).json
        equal([None, None, tea], answer['data']['_entities'])
        equal([(['_entities', 0], 'UNAUTHENTICATED'), (['_entities', 1], 'UNAUTHENTICATED')],
              [(e['path'], e['extensions']['code']) for e in answer['errors']])
        error, = shop.graphql(query, {'keys': keys[:1] * 1001}, token).json['errors']
        assert 'more than 1000' in error['message'], error


run_tests(lists_go_page_by_page,
          a_refused_argument_is_named_as_the_service_names_it,
          what_is_no_id_is_not_there,
          a_service_that_is_away_is_an_error_at_its_field,
          a_service_that_never_answers_costs_a_request_its_own_fields_and_a_bounded_time,
          users_and_their_orders_are_joined_with_one_call_a_level,
          guesses_through_the_gateway_brake_who_guesses,
          a_larger_graph_asks_for_entities,
          without_a_bus_subscriptions_are_refused_by_the_name_of_the_setting,
          who_comes_back_to_another_process_misses_nothing_and_gets_nothing_twice,
          requests_come_by_get_and_by_post)
