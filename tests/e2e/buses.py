"""Which bus the shops of a test speak over. ECOM_E2E_BUS=kafka: a real Kafka that belongs to the test,
=kafka-sasl: the same over SASL_SSL with a CA of its own, as a managed cluster has it. Otherwise none is
named, so the embedded one is used."""
import os
import secrets

from servers import Server


class Kafka(Server):
    def __init__(self, brokers=1):
        super().__init__('kafka', ECOM_KAFKA_BROKERS=str(brokers))

    def start(self):
        super().start()
        self.url = self.lines['ECOM_KAFKA_URL']
        self.brokers = self.url.removeprefix('kafka://')

    def pids(self):
        return [self.pid(f'broker-{number + 1}') for number in range(self.brokers.count(',') + 1)]

    def settings(self, sasl=False, **options):
        """For a shop of its own: topics and groups that nobody had before."""
        prefix = f'shop-{secrets.token_hex(4)}.'
        if sasl:
            return {'KAFKA_TOPIC_PREFIX': prefix,
                    **{k: v for k, v in self.lines.items() if k.startswith('KAFKA_')}}
        options = {'ecom.topic.prefix': prefix, **options}
        return {'ECOM_BUS_URL': self.url + '?' + '&'.join(f'{k}={v}' for k, v in options.items())}


KIND = os.environ.get('ECOM_E2E_BUS', '')
assert KIND in ('', 'kafka', 'kafka-sasl'), KIND
server = Kafka() if KIND else None


def settings():
    """What a shop's daemons are told of their bus."""
    return server.settings(sasl=KIND == 'kafka-sasl') if server else {}
