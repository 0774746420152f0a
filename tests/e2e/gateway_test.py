"""The gateway in front of the services: lists with their arguments, a service that is away, HTTP."""
import json
from urllib.parse import quote

from shop import Shop, equal, free_ports, run_tests

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


run_tests(lists_go_page_by_page,
          a_refused_argument_is_named_as_the_service_names_it,
          a_service_that_is_away_is_an_error_at_its_field,
          requests_come_by_get_and_by_post)
