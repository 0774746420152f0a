"""The Postman collection, run by newman against running daemons: each assertion is a case."""
import json
import os
import subprocess
import sys

from shop import PATIENCE_S, Shop

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NEWMAN = os.path.join(ROOT, 'tests/node/node_modules/.bin/newman')
URLS = {'userUrl': 'user-service', 'productUrl': 'product-service', 'orderUrl': 'order-service',
        'gatewayUrl': 'graphql-gateway'}

if not os.path.exists(NEWMAN):
    print('1..0 # SKIP newman is not installed: scripts/test installs it')
    sys.exit(os.environ.get('CI') == 'true')

with Shop() as shop:
    report = os.path.join(shop.folder, 'newman.json')
    command = [NEWMAN, 'run', f'{ROOT}/postman/ecommerce-platform.postman_collection.json',
               '-e', f'{ROOT}/postman/local.postman_environment.json', '--delay-request', '20',
               '-r', 'json', '--reporter-json-export', report]
    for name, daemon in URLS.items():
        command += ['--env-var', f'{name}=http://127.0.0.1:{shop.port[daemon]}']
    run = subprocess.run(command, capture_output=True, text=True, timeout=5 * PATIENCE_S)
    with open(report) as file:
        executions = json.load(file)['run']['executions']

cases = []
for execution in executions:
    name = execution['item']['name']
    if 'requestError' in execution:
        cases.append((f'{name}: answers', execution['requestError']))
    for assertion in execution.get('assertions') or []:
        cases.append((f"{name}: {assertion['assertion']}", assertion.get('error')))

print(f'1..{len(cases)}')
for number, (name, error) in enumerate(cases, 1):
    if error:
        print('# ' + json.dumps(error))
    print(f"{'not ok' if error else 'ok'} {number} - {name}")
if run.returncode and not any(error for _, error in cases):
    print(f'Bail out! newman ended with status {run.returncode}: {run.stderr}')
sys.exit(run.returncode)
