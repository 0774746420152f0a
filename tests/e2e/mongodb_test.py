"""A database that stops, stands still or crashes under the whole shop; and what people are told when
they name a wrong one.
   mongodb_test.py NAME-SERVER-MODULE [CASE...]"""
import collections
import concurrent.futures
import contextlib
import os
import subprocess
import sys
import tempfile
from urllib.parse import quote

import name_server as dns
from shop import BIN, DAEMONS, PATIENCE_S, Shop, check_small, equal, run_tests, wait_until
from stores import SERVICES, Mongodb

SECRET = 'test%2Fpassword%2Bwith%3Dodd%40characters'


class Load:
    """Three customers who order when they are told to; each accepted order is kept."""

    def __init__(self, shop, token):
        self.shop, self.token = shop, token
        self.accepted, self.asked = [], 0
        self.pool = concurrent.futures.ThreadPoolExecutor(3)
        self.waiting = []

    def ask(self, n):
        for _ in range(n):
            self.asked += 1
            self.waiting.append(self.pool.submit(self.shop.order_surely, self.token, f'{self.asked}'))

    def all_accepted(self):
        self.accepted += [future.result() for future in self.waiting]
        self.waiting = []


def ready(shop, status):
    """Waits until every daemon that has a store says so."""
    def wait(daemon):
        wait_until(f'{daemon} to be {"ready" if status == 200 else "not ready"}',
                   lambda: shop.call(daemon, 'GET', '/readyz').status == status)

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        list(pool.map(wait, set(DAEMONS) - {'graphql-gateway'}))


@contextlib.contextmanager
def stopped(server):
    server.stop()
    yield
    server.start()


@contextlib.contextmanager
def killed(server):
    server.kill()
    yield
    server.start()


def no_order_is_lost_or_doubled_whatever_the_database_does():
    server = Mongodb()
    with Shop(RATE_LIMIT='off', LOG_LEVEL='warn', **server.settings()) as shop:
        _, token = shop.customer()
        pids = {daemon: shop.pid(daemon) for daemon in DAEMONS}
        load = Load(shop, token)
        # A kill comes last: SecantusDB does not start again after one that comes before it has ever
        # put its tables' files in order, as it does when it is stopped.
        for fault in (stopped, Mongodb.frozen, killed):
            load.ask(10)
            with fault(server):
                ready(shop, 503)
                load.ask(5)
            ready(shop, 200)
            load.all_accepted()
        equal(pids, {daemon: shop.pid(daemon) for daemon in DAEMONS})
        orders = load.accepted
        equal(len(orders), len(set(orders)))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            equal({'PAID'}, set(pool.map(lambda o: shop.settled(o, token)['status'], orders)))
            equal({1}, set(pool.map(lambda o: len(shop.notified(o, token)), orders)))
        created, payments = collections.defaultdict(set), collections.defaultdict(set)
        for key, _, event in shop.messages('order-events'):
            created[key].add(event['id'])
        for key, _, event in shop.messages('payment-events'):
            payments[key].add(event['id'])
        for seen in (created, payments):
            equal({order: 1 for order in orders}, {key: len(ids) for key, ids in seen.items()})
        check_small(shop)


def add_user(server, name, role, *databases):
    """One that may do no more. Its password is SECRET as it stands there."""
    roles = [{'role': role, 'db': database} for database in databases]
    subprocess.run([server.python(), '-c', f"""if True:
        import pymongo
        pymongo.MongoClient('{server.url}').admin.command(
            'createUser', '{name}', pwd='{SECRET}', roles={roles})"""], check=True, timeout=PATIENCE_S)


def doctor_on(url):
    """What `ecom doctor` says of a store, and all it says."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([os.path.join(BIN, 'ecom'), 'doctor'], cwd=folder, text=True,
                              capture_output=True, timeout=PATIENCE_S, env={
                                  'PATH': os.environ['PATH'], 'JWT_SECRET': 's' * 32,
                                  'ORDER_MONGODB_URI': url})
    line, = [line for line in done.stdout.splitlines() if 'store of order' in line]
    return line, done.stdout + done.stderr


def a_wrong_database_is_told_in_one_clear_line_without_its_secret():
    server = Mongodb(tls=True, auth=True)
    assert SECRET in server.url, server.url
    bare, ca = server.url.split('?')[0], f'{server.folder}/mongodb/tls/ca.pem'
    trusted = f'authSource=admin&tls=true&tlsCAFile={ca}'
    add_user(server, 'reader', 'read', 'ecom')
    cases = [
        (server.url, 'ok '),
        (server.url.replace(SECRET, SECRET + 'x'), 'MongoDB refuses the user or the password'),
        (server.url.replace('ecom:', 'eve:'), 'MongoDB refuses the user or the password'),
        (bare.replace('ecom:', 'reader:').replace(SECRET, quote(SECRET, '')) + f'?{trusted}',
         'a user with the role readWrite is needed'),
        (f'mongodb://localhost:{server.port}/ecom?{trusted}', 'a user with the role readWrite'),
        (f'{bare}?authSource=admin', 'does it ask for TLS (tls=true)?'),
        (f'{bare}?authSource=admin&tls=true', "MongoDB's certificate is not trusted"),
        (f'{bare}?authSource=admin&tls=true&tlsCAFile={ca}.none', 'tlsCAFile'),
        (f'mongodb://ecom:{SECRET}@127.0.0.1:1/x', 'cannot be reached: [Failed to connect'),
        (f'mongodb://ecom:{SECRET}@nowhere.invalid/x', 'nowhere.invalid'),
        (f'mongodb+srv://ecom:{SECRET}@nowhere.at.all.invalid/x', 'nowhere.at.all.invalid'),
        (f'mongodb+srv://ecom:{SECRET}@nowhere.at.all.invalid:27017/x', 'no port'),
        (f'mongodb://ecom:{SECRET}@[::1/x', 'is not a MongoDB URL'),
        (f'{server.url}&w=0', 'has w=0'),
        (f'{server.url}&readPreference=nearest', 'has a readPreference'),
    ]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(doctor_on, [url for url, _ in cases]))
    for (url, text), (line, everything) in zip(cases, answers):
        assert text in line, (url, line)
        for secret in (SECRET, 'test/password', 'test%2F'):
            assert secret not in everything, everything


def a_shop_whose_database_is_away_starts_and_waits_for_it():
    server = Mongodb()
    settings = server.settings()
    server.stop()
    with Shop(**settings) as shop:
        ready(shop, 503)
        answer = shop.call('user-service', 'POST', '/auth/login',
                           {'email': 'a@example.com', 'password': 'correct horse'})
        equal((503, 'application/problem+json'), (answer.status, answer.headers['content-type']))
        server.start()
        ready(shop, 200)
        _, token = shop.customer()
        order = shop.order_surely(token, 'first')
        equal('PAID', shop.settled(order, token)['status'])
        check_small(shop)


def daemons_end_in_time_whatever_the_database_does():
    """A call to a database that stands still cannot be taken back: they end all the same, without
    being killed, and what was accepted goes on after the next start."""
    server = Mongodb()
    with Shop(RATE_LIMIT='off', SHUTDOWN_TIMEOUT_MS='1000', **server.settings()) as shop:
        _, token = shop.customer()
        load = Load(shop, token)
        load.ask(10)
        load.all_accepted()
        with server.frozen(), concurrent.futures.ThreadPoolExecutor(5) as pool:
            for _ in range(5):
                pool.submit(shop.call, 'order-service', 'POST', '/orders', {'amount': 1}, token)
            ready(shop, 503)
            check_small(shop)
            equal(0, shop.stop())
            with open(os.path.join(shop.folder, 'log')) as file:
                log = file.read()
        assert 'does not end' not in log, log
        shop.start()
        for order in load.accepted:
            equal('PAID', shop.settled(order, token)['status'])


def a_url_such_as_atlas_gives_finds_its_server_by_dns():
    """One name for the cluster: DNS says which hosts and options it has, and TLS is on by itself. The
    user may do what docs/mongodb.md says that one needs."""
    server = Mongodb(tls=True, auth=True)
    cluster, host = 'cluster0.ecom.example', 'shard-00.ecom.example'
    records = ((f'_mongodb._tcp.{cluster}', dns.SRV, dns.srv(host, server.port)),
               (cluster, dns.TXT, dns.txt('authSource=admin')))
    databases = {f'{name}_MONGODB_URI': f'srv_{name.lower()}' for name in SERVICES}
    add_user(server, 'shop', 'readWrite', *databases.values())
    urls = {name: f'mongodb+srv://shop:{quote(SECRET, "")}@{cluster}/{database}'
            f'?retryWrites=true&w=majority&appName=Cluster0&tlsCAFile={server.folder}/mongodb/tls/ca.pem'
            for name, database in databases.items()}
    with dns.names(os.path.abspath(sys.argv[1]), *records) as asking, Shop(**urls, **asking) as shop:
        _, token = shop.customer()
        order = shop.order_surely(token, 'first')
        equal('PAID', shop.settled(order, token)['status'])


TESTS = (no_order_is_lost_or_doubled_whatever_the_database_does,
         a_wrong_database_is_told_in_one_clear_line_without_its_secret,
         a_url_such_as_atlas_gives_finds_its_server_by_dns,
         a_shop_whose_database_is_away_starts_and_waits_for_it,
         daemons_end_in_time_whatever_the_database_does)
run_tests(*(test for test in TESTS if not sys.argv[2:] or test.__name__ in sys.argv[2:]))
