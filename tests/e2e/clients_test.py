"""Other people's GraphQL clients (graphql-ws, graphql-sse, Apollo Client, urql) against a running
gateway.   clients_test.py NODE"""
import json
import os
import subprocess
import sys

from shop import PATIENCE_S, Shop

HERE = os.path.dirname(os.path.abspath(__file__))
NODE_DIR = os.path.join(os.path.dirname(HERE), 'node')

if not os.path.exists(os.path.join(NODE_DIR, 'node_modules', 'graphql-ws')):
    print('1..0 # SKIP graphql-ws is not installed: scripts/test installs it')
    sys.exit(os.environ.get('CI') == 'true')

with Shop(GATEWAY_MAX_STREAMS='12', GRAPHQL_INCREMENTAL='on') as shop:
    ada, eve = shop.customer(), shop.customer('eve@example.com')
    world = {'url': f"http://127.0.0.1:{shop.port['graphql-gateway']}/graphql",
             'secret': shop.env['JWT_SECRET'], 'ada': ada, 'eve': eve,
             'pid': shop.pid('graphql-gateway')}
    run = subprocess.run([sys.argv[1], os.path.join(HERE, 'clients.mjs'), json.dumps(world), NODE_DIR],
                         timeout=5 * PATIENCE_S)
    status = shop.stop()  # a sanitizer speaks up at the end
    print(f'# the shop ended with {status}')
sys.exit(run.returncode or status)
