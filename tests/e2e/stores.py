"""Which stores the shops of a test keep their records in. ECOM_E2E_STORES=mongodb: databases of their
own on a server of MongoDB's protocol, which belongs to the test; =mongodb-tls: the same over TLS, with
a user and a password. Otherwise: none is named, so the embedded ones are used."""
import os
import re

from servers import Server

SERVICES = ('USER', 'PRODUCT', 'ORDER', 'PAYMENT', 'NOTIFICATION')


class Mongodb(Server):
    def __init__(self, tls=False, auth=False):
        self.shops = 0
        super().__init__('mongodb', ECOM_MONGO_SERVER='secantus', ECOM_MONGO_TLS=str(int(tls)),
                         ECOM_MONGO_AUTH=str(int(auth)))

    def start(self):
        super().start()
        self.url = self.lines['ECOM_MONGODB_URL']
        self.port = int(re.search(r':(\d+)/', self.url).group(1))

    def python(self):
        """One that has pymongo."""
        return self.lines['ECOM_MONGODB_PYTHON']

    def settings(self):
        """For a shop of its own: databases that nobody had before."""
        self.shops += 1
        return {f'{name}_MONGODB_URI': self.lines[f'{name}_MONGODB_URI'].replace(
            f'/ecom_{name.lower()}', f'/shop{self.shops}_{name.lower()}') for name in SERVICES}


KIND = os.environ.get('ECOM_E2E_STORES', '')
assert KIND in ('', 'mongodb', 'mongodb-tls'), KIND
server = Mongodb(tls=KIND.endswith('tls'), auth=KIND.endswith('tls')) if KIND else None


def settings():
    """What a shop's daemons are told of their stores."""
    return server.settings() if server else {}
