"""The gateway's page in a real Chromium, driven by Playwright.   page_test.py NODE
With a folder in ECOM_SCREENSHOTS, pictures for the docs are left there."""
import json
import os
import shutil
import subprocess
import sys

from shop import PATIENCE_S, Shop

HERE = os.path.dirname(os.path.abspath(__file__))
NODE_DIR = os.path.join(os.path.dirname(HERE), 'node')
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')

if not CHROMIUM or not os.path.exists(os.path.join(NODE_DIR, 'node_modules', 'playwright-core')):
    print('1..0 # SKIP chromium or playwright-core is not installed: scripts/test installs them')
    sys.exit(os.environ.get('CI') == 'true')

with Shop() as shop:
    world = {'url': f"http://127.0.0.1:{shop.port['graphql-gateway']}", 'chromium': CHROMIUM,
             'screenshots': os.environ.get('ECOM_SCREENSHOTS', '')}
    _, token = shop.customer('eve@example.com')
    for name, price in (('Kettle', 39.5), ('Green tea', 7.2), ('Teapot', 24)):
        shop.call('product-service', 'POST', '/products', {'name': name, 'price': price}, token)
    run = subprocess.run([sys.argv[1], os.path.join(HERE, 'page.mjs'), json.dumps(world), NODE_DIR],
                         timeout=5 * PATIENCE_S)
sys.exit(run.returncode)
