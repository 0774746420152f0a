"""The whole flow on a Kafka and on a server of MongoDB's protocol, both of its own: order to PAID, and
what each process takes of the processor for an order, the broker and the database beside ours.
ECOM_MONGO_SERVER=secantus-rs takes a database that is quick enough not to be all that is measured."""
import os

from shop import DAEMONS, Shop, equal

DATABASE = os.environ.get('ECOM_MONGO_SERVER', 'secantus')
# Of more at once, SecantusDB's own build lets some wait until their time is over, on a busy machine.
CONNECTIONS = 16 if DATABASE == 'secantus' else 64


def mongodb():
    from servers import Server
    return Server('mongodb', ECOM_MONGO_SERVER=DATABASE)


def all_paid(shop, token):
    for status in ('PENDING', 'PAYMENT_FAILED'):
        equal([], shop.call('order-service', 'GET', f'/orders?status={status}&first=1',
                            token=token).json['items'])


def measure(single_orders, many_orders):
    from buses import Kafka  # it starts nothing before it is asked
    kafka, database = Kafka(), mongodb()
    stores = {name: url for name, url in database.lines.items() if name.endswith('_MONGODB_URI')}
    with Shop(RATE_LIMIT='off', LOG_LEVEL='error', **kafka.settings(), **stores) as shop:
        _, token = shop.customer()
        pids = {**{name: shop.pid(name) for name in DAEMONS}, 'broker': kafka.pids()[0],
                'database': database.pid()}
        latency = single_orders(shop, token)
        pipeline = many_orders(shop, token, pids, lambda: all_paid(shop, token),
                               pause_s=0.2, connections=CONNECTIONS)
    return {'latency': {name: latency[name] for name in ('p50_ms', 'p99_ms')}, **pipeline}


def show(results):
    latency = results['latency']
    print('\nKafka and MongoDB protocol')
    print(f'{"order to PAID, p50, ms":34} {latency["p50_ms"]:>10}')
    print(f'{"order to PAID, p99, ms":34} {latency["p99_ms"]:>10}')
    print(f'{str(results["orders"]) + " orders to PAID, orders/s":34} {results["orders_s"]:>10}')
    for name, us in results['cpu_us_per_order'].items():
        print(f'{name + ", CPU us/order":34} {us:>10}')
