"""The audit of GraphQL over HTTP that comes with npm's graphql-http, against a running gateway.
   audit_test.py NODE"""
import os
import subprocess
import sys

from shop import PATIENCE_S, Shop

HERE = os.path.dirname(os.path.abspath(__file__))
NODE_DIR = os.path.join(os.path.dirname(HERE), 'node')

if not os.path.exists(os.path.join(NODE_DIR, 'node_modules', 'graphql-http')):
    print('1..0 # SKIP graphql-http is not installed: scripts/test installs it')
    sys.exit(os.environ.get('CI') == 'true')

with Shop() as shop:
    url = f"http://127.0.0.1:{shop.port['graphql-gateway']}/graphql"
    run = subprocess.run([sys.argv[1], os.path.join(HERE, 'audit.mjs'), url, NODE_DIR],
                         timeout=5 * PATIENCE_S)
sys.exit(run.returncode)
