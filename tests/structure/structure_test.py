"""What holds of the tree as a whole: public headers stand alone, libraries export exactly what the
headers declare, and the rooms depend on each other in one direction. Prints TAP.

    structure_test.py SOURCE-ROOT NAME=LIBRARY=HEADER[,HEADER]...
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT = sys.argv[1]
INCLUDE = os.path.join(ROOT, 'include')
LIBRARIES = [arg.split('=') for arg in sys.argv[2:]]

# Who may include what, besides itself. Daemons, gateway and CLI may include everything public, and
# INLINE.
ROOMS = {
    'base': set(),
    'contract': {'base'},
    'auth': {'base'},
    'store': {'base'},
    'bus': {'base'},
    'flow': {'base', 'contract', 'store', 'bus'},
    'shop': {'base', 'contract', 'auth', 'store', 'bus', 'flow'},
    'http': set(),  # libraries of their own: public headers only
    'graphql': set(),
    'mongodb': set(),
    'kafka': set(),
    'lambda': set(),
    'aws': set(),
}
# Public headers by the room that implements them, for the same rule.
HEADER_ROOMS = {
    # What all rooms speak of, the tables of store and bus among it.
    'base': 'base env log json record metrics config store bus backend',
    'contract': 'event',
    'auth': 'auth',
    'flow': 'outbox consumer',
    'shop': 'shop user product order payment notification',
    'http': 'http stream',
    'graphql': 'graphql subscribe',
    'mongodb': 'mongodb',
    'kafka': 'kafka',
    'lambda': 'lambda',
    'aws': 'aws',
}
# Headers of inline functions alone need no symbol of another library.
INLINE = {'base/ascii.h', 'base/options.h', 'base/wait.h', 'base/writer.h'}
ROOM_OF = {name: room for room, names in HEADER_ROOMS.items() for name in names.split()}

results = []


def case(name, problems):
    results.append(not problems)
    for problem in problems:
        print('# ' + problem.replace('\n', '\n# '))
    print(f"{'not ok' if problems else 'ok'} {len(results)} - {name}")


def headers():
    folder = os.path.join(INCLUDE, 'ecom')
    return sorted(os.path.join(folder, f) for f in os.listdir(folder) if f.endswith('.h'))


def header_stands_alone(path):
    problems = []
    for compiler, language, standard in (('cc', 'c', 'c99'), ('cc', 'c', 'c11'),
                                         ('c++', 'c++', 'c++17')):
        source = f'#include "{path}"\n#include "{path}"\nint main(void);\n'
        run = subprocess.run([compiler, '-x', language, f'-std={standard}', '-Wall', '-Wextra',
                              '-Werror', '-pedantic', '-fsyntax-only', '-I', INCLUDE, '-'],
                             input=source, capture_output=True, text=True)
        if run.returncode:
            problems.append(f'{standard}: {run.stderr}')
    return problems


def tables_compile_as_cxx(standard):
    """ISO C++20; and C++17 with designated initialisers as an extension, which -pedantic refuses."""
    strict = ['-pedantic'] if standard == 'c++20' else []
    run = subprocess.run(['c++', f'-std={standard}', '-Wall', '-Wextra', '-Werror', *strict,
                          '-Wno-missing-field-initializers', '-fsyntax-only', '-I', INCLUDE,
                          os.path.join(os.path.dirname(os.path.abspath(__file__)), 'tables.cpp')],
                         capture_output=True, text=True)
    return [run.stderr] if run.returncode else []


def declared(paths):
    names = set()
    for path in paths:
        text = re.sub(r'/\*.*?\*/', '', open(path).read(), flags=re.S)
        text = re.sub(r'^\s*#(\\\n|.)*', '', text, flags=re.M)
        for declaration in re.findall(r'\bECOM_API\b(.*?);', text, flags=re.S):
            if re.match(r'\s*extern\b', declaration):
                names.add(re.search(r'(\w+)\s*(?:\[[^\]]*\])?\s*$', declaration).group(1))
            else:
                flat = re.sub(r'\bECOM_(MUST_USE|DEPRECATED)\b|\bECOM_PRINTF\([^)]*\)', '', declaration)
                names.add(re.search(r'(\w+)\s*\(', flat).group(1))
    return names


def exported(library):
    """Symbols of ours that others may use, and those without our prefix. In an archive, `ecom__` are
    those that its own objects share; llhttp's are in one where the distribution has no library."""
    archive = library.endswith('.a')
    out = subprocess.run(['nm', '-g' if archive else '-D', '--defined-only', '--format=posix', library],
                         capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines()]
    names = {row[0].split('@')[0] for row in rows if len(row) > 2 and row[1] in 'TDBRV'}
    ours = {n for n in names if n.startswith('ecom') and not (archive and n.startswith('ecom__'))}
    tools = r'_|__odr_asan|asan|lsan|ubsan|tsan|ecom__' + ('|llhttp_' if archive else '')
    return ours, {n for n in names if n not in ours and not re.match(tools, n)}


def exports_match(library, names):
    want = declared([os.path.join(INCLUDE, 'ecom', f'{n}.h') for n in names.split(',')])
    got, foreign = exported(library)
    return ([f'declared but not exported: {n}' for n in sorted(want - got)] +
            [f'exported but not declared: {n}' for n in sorted(got - want)] +
            [f'exported without our prefix: {n}' for n in sorted(foreign)])


def includes_point_one_way(room):
    if room not in ROOMS:
        return [f'libecom/{room} is a room without a rule']
    problems = []
    folder = os.path.join(ROOT, 'libecom', room)
    for base, _, files in os.walk(folder):
        for name in files:
            if not name.endswith(('.c', '.h')):
                continue
            path = os.path.join(base, name)
            for line in re.findall(r'^#include ["<]([\w/.-]+)[">]', open(path).read(), flags=re.M):
                parts = line.split('/')
                if parts[0] == 'ecom':
                    to, public = ROOM_OF.get(parts[1][:-2], 'everything'), True
                elif line in INLINE:
                    continue
                elif parts[0] in ROOMS:
                    to, public = parts[0], False
                else:
                    continue
                allowed = to == room or to in ROOMS[room] or (public and not ROOMS[room] and
                                                              room != 'base')
                if room == 'http' and public and to in ('shop', 'flow', 'graphql'):
                    allowed = False
                if room == 'lambda' and public and to in ('http', 'graphql'):
                    allowed = False
                if room == 'graphql' and public and to not in ('base', 'graphql'):
                    allowed = False
                if not allowed:
                    problems.append(f'{os.path.relpath(path, ROOT)} includes {line}')
    return problems


def links_no_transport(library):
    out = subprocess.run(['ldd', library], capture_output=True, text=True, check=True).stdout
    return [line.strip() for line in out.splitlines() if re.search('rdkafka|mongoc|bson|curl', line)]


def stays_loaded(library):
    """Code that detached threads run must not be unmapped."""
    out = subprocess.run(['readelf', '-d', library], capture_output=True, text=True, check=True).stdout
    return [] if 'NODELETE' in out else ['it can be unloaded']


def names_nothing_private():
    """No path of a machine, and no leftovers."""
    tracked = subprocess.run(['git', '-C', ROOT, 'grep', '-nIE', r'\b(TO[D]O|FIX[M]E|X[X]X)\b',
                              '--', '*.c', '*.h', '*.py', '*.build', 'scripts'],
                             capture_output=True, text=True).stdout
    return tracked.splitlines()


for header in headers():
    case(f'{os.path.basename(header)} stands alone in C99, C11 and C++17', header_stands_alone(header))
for standard in ('c++17', 'c++20'):
    case(f'tables are written in {standard}, too', tables_compile_as_cxx(standard))
for _, library, names in LIBRARIES:
    case(f'{os.path.basename(library)} exports what its headers declare', exports_match(library, names))
for name, library, _ in LIBRARIES:
    if library.endswith('.a') or name in ('libecom-mongodb', 'libecom-kafka', 'libecom-aws'):
        continue
    case(f'{name} links no broker and no database client', links_no_transport(library))
    if name == 'libecom-http':
        case(f'{name} stays where its threads are', stays_loaded(library))
for room in sorted(next(os.walk(os.path.join(ROOT, 'libecom')))[1]):
    case(f'{room} includes only what lies below it', includes_point_one_way(room))
case('nothing is left to do in the sources', names_nothing_private())
print(f'1..{len(results)}')
sys.exit(0 if all(results) else 1)
