"""The part `graphql` of bench.py: our engine behind our server, beside other people's. The same schema
and data in memory, the same load, one process each, by the CPU that a request takes."""
import concurrent.futures
import contextlib
import json
import os
import shutil
import statistics
import subprocess

from graphql_bombs import bombs
from lone_gateway import Gateway, shop_of

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(HERE, 'peers')
NESTED = '{ groups { id items { id name price stock } } }'
FIELDS = 'id name price stock currency description status'


def two_hundred_lines():
    """A document of 200 lines that is another one each time: the load puts a number at the @s."""
    lines = ['query Q@@@@@@@@($a: Int = 1, $b: Int, $id: ID!) {']
    for i in range(32):
        lines += [f'  p{i}: product(id: $id) {{', '    id', '    ...Price', '    similar(first: $a) {',
                  '      name', '    }'] if i % 2 else [f'  l{i}: products(first: $b) {{', '    id status', '    name',
                                                         '    ...Price', '    currency', '  }']
        if i % 2:
            lines.append('  }')
    lines += ['}', 'fragment Price on Product {', '  price currency', '}']
    return '\n'.join(lines)


def introspection():
    kind = 'kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } }'
    value = f'name description type {{ {kind} }} defaultValue'
    return '{ __schema { queryType { name } mutationType { name } subscriptionType { name } types { kind name ' \
        f'description fields(includeDeprecated: true) {{ name description args {{ {value} }} type {{ {kind} }} ' \
        f'isDeprecated deprecationReason }} inputFields {{ {value} }} interfaces {{ {kind} }} ' \
        f'enumValues(includeDeprecated: true) {{ name description }} possibleTypes {{ {kind} }} }} ' \
        f'directives {{ name description locations args {{ {value} }} }} }} }}'


# name: (query, variables, requests a round)
CASES = {
    '__typename': ('{ __typename }', {}, 4000),
    'products(first: 20)': ('{ products(first: 20) { id name price } }', {}, 2000),
    'nested, 1000 objects': (NESTED, {}, 200),
    '200 lines, not cached': (two_hundred_lines(), {'id': 'none', 'b': 0}, 300),
    'introspection': (introspection(), {}, 300),
}


def peers():
    """name: command, for those that can be had here."""
    found = {}
    if shutil.which('npm'):
        if not os.path.isdir(os.path.join(PEERS, 'node_modules')):
            subprocess.run(['npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error'], cwd=PEERS, check=True,
                           stdout=subprocess.DEVNULL)
        for name, file in (('Mercurius, JIT', 'mercurius'), ('Yoga', 'yoga'), ('Apollo Server 5', 'apollo')):
            found[name] = ['node', os.path.join(PEERS, file + '.mjs')]
    if shutil.which('cargo'):
        folder = os.path.join(PEERS, 'async-graphql')
        if subprocess.run(['cargo', 'build', '--release', '--quiet'], cwd=folder).returncode == 0:
            found['async-graphql'] = [os.path.join(folder, 'target', 'release', 'peer-async-graphql')]
    if shutil.which('go'):
        folder = os.path.join(PEERS, 'gqlgen')
        if all(subprocess.run(['go', *words], cwd=folder).returncode == 0 for words in (['generate'], ['build'])):
            found['gqlgen'] = [os.path.join(folder, 'peer-gqlgen')]
    return found


def beside_bombs(loadgen, request):
    """The gateway, while two connections send it a bomb over and over: how long they wait for their answers, and
    how long another's `{ __typename }` waits. By the clock: what else runs here is part of it."""
    waits = {}
    with Gateway(shop_of) as gateway, concurrent.futures.ThreadPoolExecutor(1) as pool:
        small = request('POST', '/graphql', gateway.port, b'{"query":"{ __typename }"}')
        waits['nothing'] = {'small': loadgen(gateway.port, 1, 300, small, 200)}
        for name, body, limit in bombs():
            if not limit:
                continue
            sent = request('POST', '/graphql', gateway.port, body.encode())
            thrown = pool.submit(loadgen, gateway.port, 2, 40, sent, gateway.post(body).status)
            rounds = [loadgen(gateway.port, 1, 20, small, 200)]
            while not thrown.done():
                rounds.append(loadgen(gateway.port, 1, 20, small, 200))
            waits[name] = {'small': {key: max(r[key] for r in rounds) for key in rounds[0]}, 'bomb': thrown.result()}
    return {name: {who: {key + '_ms': round(done[key + '_us'] / 1000, 1) for key in ('p50', 'p99', 'max')}
                   for who, done in row.items()} for name, row in waits.items()}


def growth_kib(pid, peak_mib, work):
    """By how much a process has grown at most during some work."""
    with open(f'/proc/{pid}/clear_refs', 'w') as reset:
        reset.write('5')  # the peak is what there is now
    before = peak_mib(pid)
    work()
    return round((peak_mib(pid) - before) * 1024)


def measure(tools, rounds, loadgen, request, cpu_s, peak_mib):
    commands = {'ours': [f'{tools}/graphql_server'], **peers()}
    micro = json.loads(subprocess.run([f'{tools}/graphql_micro'], capture_output=True, text=True, check=True).stdout)
    us = {case: {name: [] for name in commands} for case in CASES}
    with contextlib.ExitStack() as stack:
        servers = {}
        for name, command in commands.items():
            server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                                      env={**os.environ, 'NODE_ENV': 'production'})
            stack.callback(server.wait)
            stack.callback(server.terminate)
            servers[name] = (server.pid, int(server.stdout.readline()))

        def sent(case, number, port):
            query, variables, _ = CASES[case]
            text = query.replace('Q@@@@@@@@', f'Q@@@@@@@@_{number}')  # nor cached from the last round
            return request('POST', '/graphql', port, json.dumps({'query': text, 'variables': variables}).encode())

        growth = {case: {name: growth_kib(pid, peak_mib, lambda: loadgen(port, 1, 20, sent(case, 'first', port), 200))
                         for name, (pid, port) in servers.items()} for case in CASES}
        for number in range(rounds + 1):  # the first warms up
            for case, (_, _, count) in CASES.items():
                for name, (pid, port) in servers.items():
                    before = cpu_s(pid)
                    done = loadgen(port, 8, count, sent(case, number, port), 200)
                    if number:
                        us[case][name].append((cpu_s(pid) - before) / done['requests'] * 1e6)
        peaks = {name: round(peak_mib(pid), 1) for name, (pid, _) in servers.items()}
    return {'us': {case: {name: round(statistics.median(values), 1) for name, values in row.items()}
                   for case, row in us.items()},
            'peak_mib': peaks, 'growth_kib': growth, 'engine': micro, 'bombs_ms': beside_bombs(loadgen, request)}


def show(result):
    names = list(result['peak_mib'])
    print('\nGraphQL, µs of CPU a request (and how many times ours)')
    print(f'{"":24}' + ''.join(f'{name:>22}' for name in names))
    for case, row in result['us'].items():
        print(f'{case:24}' + ''.join(f'{row[name]:>13.1f}' + (f' {row[name] / row["ours"]:>7.1f}x' if name != 'ours' else ' ' * 9)
                                     for name in names))
    print('by how much a new process grows for the first of them, one at a time, KiB')
    for case, row in result['growth_kib'].items():
        print(f'{case:24}' + ''.join(f'{row[name]:>13}{"":9}' for name in names))
    print(f'{"peak of all, MiB":24}' + ''.join(f'{result["peak_mib"][name]:>13.1f}{"":9}' for name in names))
    worst = {who: max((row[who]['max_ms'], name) for name, row in result['bombs_ms'].items() if who in row)
             for who in ('bomb', 'small')}
    alone = result['bombs_ms']['nothing']['small']['max_ms']
    print(f'bombs: answered within {worst["bomb"][0]} ms (goal 250; {worst["bomb"][1]}), a small query beside them '
          f'within {worst["small"][0]} ms (goal 50; {worst["small"][1]}), alone {alone} ms')
    engine = result['engine']
    print(f'engine alone: 20 lines read and checked in {engine["prepare_20_lines_us"]} µs (goal 10), '
          f'{engine["ns_per_scalar"]} ns a scalar (goal 50), {{ __typename }} {engine["typename_ns"]} ns')
