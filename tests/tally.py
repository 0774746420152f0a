"""Counts test cases in Meson's testlog.json files: each TAP line is one, as is each test without
TAP. Prints the failures, with what their tests said, and, last, a line 'N passed, N failed,
N skipped'."""
import json
import re
import sys

TAP = re.compile(r'^(not )?ok\b\s*\d*\s*-?\s*(.*)$', re.M)
LINES = 200  # of what a test said
passed, failed, skipped = 0, [], 0


def show(name, run):
    """Meson prints of a test that speaks TAP only which cases failed."""
    print(f'---- {name}: {run["result"]}')
    for stream in ('stdout', 'stderr'):
        lines = (run.get(stream) or '').splitlines()
        print(*(['...'] if len(lines) > LINES else []), *lines[-LINES:], sep='\n')



for path in sys.argv[1:]:
    with open(path) as log:
        runs = [json.loads(line) for line in log if line.strip()]
    if not runs:
        failed.append(f'{path}: no test ran')
    for run in runs:
        name, result = f"{path.split('/')[-3]}: {run['name']}", run['result']
        cases = TAP.findall(run.get('stdout') or '')
        bad = [text for wrong, text in cases if wrong]
        skips = [text for wrong, text in cases if not wrong and '# SKIP' in text]
        failed += [f'{name}: {text}' for text in bad]
        skipped += len(skips)
        passed += len(cases) - len(bad) - len(skips)
        if result in ('OK', 'EXPECTEDFAIL'):
            passed += not cases
        elif result == 'SKIP':
            skipped += not cases
        elif not bad:
            failed.append(f'{name}: {result}')
        if bad or result not in ('OK', 'EXPECTEDFAIL', 'SKIP'):
            show(name, run)

for text in failed:
    print(f'FAILED {text}')
print(f'{passed} passed, {len(failed)} failed, {skipped} skipped')
sys.exit(1 if failed or not passed else 0)
