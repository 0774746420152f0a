"""README.md and docs/: each C block is an example word for word, each command there is one that runs."""
import os
import re
import subprocess

from shop import equal, run_tests

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = {'README.md': open(f'{ROOT}/README.md').read(),
         **{f'docs/{name}': open(f'{ROOT}/docs/{name}').read()
            for name in os.listdir(f'{ROOT}/docs') if name.endswith('.md')}}
BLOCKS = [block for page in PAGES.values()
          for block in re.findall(r'^```(\w*)\n(.*?)^```', page, flags=re.M | re.S)]
# Commands on the pages, and who runs them.
RUN_BY = {
    'scripts/run': 'run_test.py',
    'scripts/test': '../../.ci/run',
    'cc watch.c -o watch $(pkg-config --cflags --libs libecom)': 'install_test.py',
    'cc graphql.c -o graphql $(pkg-config --cflags --libs libecom-graphql)': 'install_test.py',
    'scripts/package-lambda': 'package_test.py',
    'make test': 'install_test.py',
    'make quote.zip': 'install_test.py',
}


def each_c_block_is_in_an_example():
    examples = [open(f'{ROOT}/examples/{name}').read() for name in os.listdir(f'{ROOT}/examples')
                if name.endswith('.c')]
    blocks = [text for kind, text in BLOCKS if kind == 'c']
    assert blocks
    for text in blocks:
        assert any(text in example for example in examples), text


def each_command_is_run_by_a_test():
    commands = [line for kind, text in BLOCKS if kind == 'sh' for line in text.splitlines()]
    equal(sorted(RUN_BY), sorted(commands))
    for command, test in RUN_BY.items():
        path = os.path.join(ROOT, 'tests/e2e', test)
        assert command in open(path).read(), f'{test} does not run: {command}'


def each_link_leads_somewhere():
    for name, text in PAGES.items():
        for target in re.findall(r'\]\(([^)#]+)\)', text):
            if '://' not in target:
                path = os.path.join(ROOT, os.path.dirname(name), target)
                assert os.path.exists(path), f'{name}: {target}'


def scripts_explain_themselves():
    for script in ('run', 'test'):
        for args, status in ((['--help'], 0), (['--nonsense'], 64)):
            out = subprocess.run([f'{ROOT}/scripts/{script}', *args], capture_output=True, text=True)
            equal(status, out.returncode, script, args)
            assert f'Usage: scripts/{script}' in out.stdout + out.stderr, out


run_tests(each_c_block_is_in_an_example,
          each_command_is_run_by_a_test,
          each_link_leads_somewhere,
          scripts_explain_themselves)
