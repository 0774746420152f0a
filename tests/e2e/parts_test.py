"""Answers of the gateway in parts: @defer and @stream over multipart/mixed and server-sent events."""
import http.client
import json
import threading

from lone_gateway import Gateway, shop_of
from shop import PATIENCE_S, equal, run_tests, wait_until

MULTIPART = {'Accept': 'multipart/mixed, application/json'}
EVENTS = {'Accept': 'text/event-stream'}
DEFERRED = '{ products(first: 2) { nodes { id } } ... @defer(label: "o") { orders { nodes { id } } } }'


class Asked:
    """A response that is read as it comes."""

    def __init__(self, gateway, query, headers):
        self.connection = http.client.HTTPConnection('127.0.0.1', gateway.port, timeout=PATIENCE_S)
        self.connection.request('POST', '/graphql', json.dumps({'query': query}),
                                {'Content-Type': 'application/json', **headers})
        self.response = self.connection.getresponse()
        self.text = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.response.close()
        self.connection.close()

    def until(self, mark):
        """What comes up to the mark, without it."""
        while mark not in self.text:
            more = self.response.read1(65536)
            if not more:
                raise AssertionError(f'it ended with {self.text}')
            self.text += more
        part, self.text = self.text.split(mark, 1)
        return part

    def part(self):
        head, body = self.until(b'\r\n---').split(b'\r\n\r\n', 1)
        assert b'Content-Type: application/json; charset=utf-8' in head, head
        return json.loads(body)

    def event(self):
        return json.loads(self.until(b'\n\n').split(b'data: ', 1)[1])

    def rest(self):
        return self.text + self.response.read()


def held(path_held):
    """A shop that answers one path when it is let."""
    let = threading.Event()

    def answer(method, path, query):
        if path == path_held and not let.wait(PATIENCE_S):
            return None
        return shop_of(method, path, query)

    return answer, let


def the_first_part_does_not_wait_for_the_others():
    answer, let = held('/orders')
    with Gateway(answer, GRAPHQL_INCREMENTAL='on', GATEWAY_TIMEOUT_MS='60000') as gateway:
        with Asked(gateway, DEFERRED, MULTIPART) as asked:
            equal((200, 'multipart/mixed; boundary="-"', 'no-store'),
                  (asked.response.status, asked.response.headers['Content-Type'], asked.response.headers['Cache-Control']))
            equal({'data': {'products': {'nodes': [{'id': 'p0'}, {'id': 'p1'}]}},
                   'pending': [{'id': '0', 'path': [], 'label': 'o'}], 'hasNext': True}, asked.part())
            let.set()
            second = asked.part()
            equal((False, 9, [{'id': '0'}]),
                  (second['hasNext'], len(second['incremental'][0]['data']['orders']['nodes']), second['completed']))
            equal(b'--\r\n', asked.rest())


def server_sent_events_are_as_many_as_parts():
    answer, let = held('/orders')
    with Gateway(answer, GRAPHQL_INCREMENTAL='on', GATEWAY_TIMEOUT_MS='60000', GATEWAY_SUBSCRIPTIONS='off') as gateway:
        with Asked(gateway, DEFERRED, EVENTS) as asked:
            equal(True, asked.event()['hasNext'])
            let.set()
            equal(False, asked.event()['hasNext'])
            equal(b'event: complete\ndata:\n\n', asked.rest())


def who_takes_no_parts_gets_one_answer():
    with Gateway(shop_of, GRAPHQL_INCREMENTAL='on') as gateway:
        got = gateway.ask(DEFERRED)
        equal('application/json; charset=utf-8', got.headers['Content-Type'])
        equal({'products', 'orders'}, set(got.json['data']))
        equal(9, len(got.json['data']['orders']['nodes']))
        with Asked(gateway, '{ me { id } }', MULTIPART) as asked:
            equal('application/json; charset=utf-8', asked.response.headers['Content-Type'])
            equal({'data': {'me': {'id': 'u1'}}}, json.loads(asked.rest()))


def it_is_off_unless_it_is_set():
    with Gateway(shop_of) as gateway:
        with Asked(gateway, DEFERRED, MULTIPART) as asked:
            equal('Unknown directive "@defer".', json.loads(asked.rest())['errors'][0]['message'])


def what_a_part_must_not_tell_is_masked_and_logged():
    def answer(method, path, query):
        return (500, {'code': 'BACKEND', 'detail': 'the disk at 10.0.0.1 burns'}) if path == '/orders' \
            else shop_of(method, path, query)

    with Gateway(answer, GRAPHQL_INCREMENTAL='on') as gateway:
        with Asked(gateway, DEFERRED, {**MULTIPART, 'X-Correlation-Id': 'c-parts'}) as asked:
            asked.part()
            told = json.dumps(asked.part())
        assert '10.0.0.1' not in told and '"orders"' in told, told
        line = next(line for line in gateway.log().splitlines() if 'a field failed' in line)
        assert 'c-parts' in line, line


def open_streams(gateway):
    connection = http.client.HTTPConnection('127.0.0.1', gateway.port, timeout=PATIENCE_S)
    connection.request('GET', '/metrics')
    text = connection.getresponse().read().decode()
    connection.close()
    return float(next(line for line in text.splitlines() if line.startswith('ecom_gateway_streams')).split()[-1])


def who_goes_away_ends_what_was_to_come():
    answer, let = held('/orders')
    with Gateway(answer, GRAPHQL_INCREMENTAL='on', GATEWAY_TIMEOUT_MS='60000') as gateway:
        with Asked(gateway, DEFERRED, MULTIPART) as asked:
            asked.part()
            equal(1.0, open_streams(gateway))
        let.set()
        wait_until('the connection is counted out', lambda: open_streams(gateway) == 0)


def one_above_the_bound_gets_one_answer():
    answer, let = held('/orders')
    with Gateway(answer, GRAPHQL_INCREMENTAL='on', GATEWAY_TIMEOUT_MS='60000', GATEWAY_MAX_STREAMS='1') as gateway:
        with Asked(gateway, DEFERRED, MULTIPART) as asked:
            asked.part()
            with Asked(gateway, '{ ... @defer { me { id } } }', MULTIPART) as second:
                equal({'data': {'me': {'id': 'u1'}}}, json.loads(second.rest()))
            let.set()
            equal(False, asked.part()['hasNext'])


def a_long_answer_comes_whole():
    """Of more bytes than the gateway keeps for a reader, and no more than 100 items in a part."""
    def answer(method, path, query):
        if path != '/products':
            return shop_of(method, path, query)
        return 200, {'items': [{'id': f'p{i}', 'name': 'x' * 600, 'price': 1, 'currency': 'EUR', 'stock': 1}
                               for i in range(100)]}

    query = '{ ' + ' '.join(f'a{i}: products(first: 100) {{ nodes @stream(label: "l{i}") {{ id name }} }}' for i in range(40)) + ' }'
    with Gateway(answer, GRAPHQL_INCREMENTAL='on', GATEWAY_TIMEOUT_MS='60000') as gateway:
        with Asked(gateway, query, MULTIPART) as asked:
            equal(40, len(asked.part()['pending']))
            items = 0
            while True:
                part = asked.part()
                told = sum(len(i['items']) for i in part.get('incremental', ()))
                assert told <= 100, told
                items += told
                if not part['hasNext']:
                    break
            equal(4000, items)
            equal(b'--\r\n', asked.rest())


run_tests(
    the_first_part_does_not_wait_for_the_others,
    server_sent_events_are_as_many_as_parts,
    who_takes_no_parts_gets_one_answer,
    it_is_off_unless_it_is_set,
    what_a_part_must_not_tell_is_masked_and_logged,
    who_goes_away_ends_what_was_to_come,
    one_above_the_bound_gets_one_answer,
    a_long_answer_comes_whole,
)
