"""What scripts/common.sh asks of apt, which is played here: where its lists are empty, and for whoever
runs it. Prints TAP.

    packages_test.py SOURCE-ROOT"""
import os
import subprocess
import sys
import tempfile

import tap

ROOT = sys.argv[1]
# Of Debian 12 or 13; no list is there before an update, and nothing is installed.
TOOLS = {
    'id': 'echo "$PLAYED_UID"',
    'dpkg-query': 'exit 1',
    'apt-cache': '[ -e "$PLAYED/lists" ] || exit 100\n'
                 'shift; for name; do case " $PLAYED_PACKAGES " in *" $name "*) exit 0;; esac; done; exit 100',
    'apt-get': '[ "$PLAYED_UID" = 0 ] || [ "${AS_ROOT-}" ] || exit 100\n'
               'echo "$1 ${DEBIAN_FRONTEND-}" >>"$PLAYED/done"\n'
               '[ "$1" != update ] || touch "$PLAYED/lists"',
    'sudo': 'unset DEBIAN_FRONTEND; export AS_ROOT=1; exec "$@"',  # it hands no settings on
}
PACKAGES = {12: 'node-llhttp', 13: 'node-llhttp libllhttp-dev'}


def play(script, debian=12, uid=1000, without=()):
    """Runs lines of a script; returns its status, what it printed, and what was asked of apt-get."""
    with tempfile.TemporaryDirectory() as folder:
        for name in TOOLS.keys() - set(without):
            with open(f'{folder}/{name}', 'w') as tool:
                tool.write(f'#!/bin/sh\n{TOOLS[name]}\n')
            os.chmod(f'{folder}/{name}', 0o755)
        for name in ('env', 'touch', 'sh'):
            os.symlink(f'/usr/bin/{name}', f'{folder}/{name}')
        env = {'PATH': folder, 'PLAYED': folder, 'PLAYED_UID': str(uid), 'PLAYED_PACKAGES': PACKAGES[debian]}
        out = subprocess.run(['/bin/bash', '-c', f'set -euo pipefail\n. scripts/common.sh\n{script}'],
                             cwd=ROOT, env=env, capture_output=True, text=True)
        done = open(f'{folder}/done').read().split('\n')[:-1] if os.path.exists(f'{folder}/done') else []
        return out.returncode, out.stdout + out.stderr, [line.rstrip() for line in done]


def expect(want, got):
    assert want == got, f'want {want!r}\n got {got!r}'


def llhttp(**world):
    status, text, done = play('build_packages', **world)
    expect(0, status)
    return text.split()[-1], done


def empty_lists_are_fetched_before_they_are_asked():
    for uid in (0, 1000):
        expect(('libllhttp-dev', ['update']), llhttp(debian=13, uid=uid))
        expect(('node-llhttp', ['update']), llhttp(debian=12, uid=uid))


def lists_that_are_there_are_not_fetched():
    status, text, done = play('touch "$PLAYED/lists"\nbuild_packages', debian=13)
    expect((0, 'libllhttp-dev', []), (status, text.split()[-1], done))


def who_can_fetch_none_goes_on_without():
    expect(('node-llhttp', []), llhttp(debian=13, without=['sudo']))


def what_is_missing_is_installed_without_a_question():
    for uid in (0, 1000):
        status, text, done = play('need_packages make', uid=uid)
        expect((0, '==> installing make\n', ['update', 'install noninteractive']), (status, text, done))


def who_may_not_install_is_told_what_to():
    status, text, done = play('need_packages make', without=['sudo'])
    expect((1, []), (status, done))
    assert "run 'apt-get install make' as root" in text, text


tap.run([empty_lists_are_fetched_before_they_are_asked, lists_that_are_there_are_not_fetched,
         who_can_fetch_none_goes_on_without, what_is_missing_is_installed_without_a_question,
         who_may_not_install_is_told_what_to])
