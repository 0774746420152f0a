"""Our documents in the hands of pymongo: what it reads, what it may change, and which indexes serve.

    pymongo_test.py TOOL SOURCE-ROOT
"""
import datetime
import json
import os
import re
import subprocess
import sys

tool, root = sys.argv[1:]
sys.path[:0] = (os.path.join(root, 'tests', folder) for folder in ('integration', 'e2e'))
import tap  # noqa: E402
from proxy import Proxy  # noqa: E402


def lines_of_server():
    if os.environ.get('ECOM_STORE_URL'):
        return {'ECOM_MONGODB_PYTHON': '', **os.environ,
                'ECOM_MONGODB_URL': os.environ['ECOM_STORE_URL']}
    if os.environ.get('ECOM_MONGODB_URL') and os.environ.get('ECOM_MONGODB_PYTHON'):
        return dict(os.environ)
    done = subprocess.run([os.path.join(root, 'scripts/servers'), 'status', 'mongodb'],
                          capture_output=True, text=True)
    if done.returncode:
        if os.environ.get('CI') == 'true':
            print('Bail out! no server: scripts/servers start mongodb')
            sys.exit(1)
        print('1..0 # SKIP no server: scripts/servers start mongodb')
        sys.exit(0)
    return dict(re.findall(r"^(\w+)='(.*)'$", done.stdout, flags=re.M))


server = lines_of_server()
try:
    import bson
    import pymongo
except ImportError:  # the server's own Python has it
    if not server['ECOM_MONGODB_PYTHON']:
        print('1..0 # SKIP no pymongo here: set ECOM_MONGODB_PYTHON to a Python that has it')
        sys.exit(0)
    os.environ.update({k: server[k] for k in ('ECOM_MONGODB_URL', 'ECOM_MONGODB_PYTHON')})
    os.execv(server['ECOM_MONGODB_PYTHON'], [server['ECOM_MONGODB_PYTHON'], *sys.argv])

NAME = f'ecom_pymongo_{os.getpid()}'
client = pymongo.MongoClient(server['ECOM_MONGODB_URL'], serverSelectionTimeoutMS=60000)
things = client[NAME].things
url = re.sub(r'(://[^/?]+)(/[^?]*)?', r'\1/' + NAME, server['ECOM_MONGODB_URL'])
store = subprocess.Popen([tool, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

ORDER = {'id': '0193', 'amount': '@19.90', 'count': 3, 'big': 2**40, 'paid': True, 'note': None,
         'createdAt': '2026-11-22T18:25:43.511Z', 'items': [{'sku': 'a', 'price': '@0.10'}]}


def text(document):
    """Compact JSON; '@1.50' is the number 1.50."""
    return re.sub(r'"@([\d.]+)"', r'\1', json.dumps(document, separators=(',', ':')))


def tell(*words):
    store.stdin.write(' '.join(words) + '\n')
    store.stdin.flush()
    return store.stdout.readline().rstrip('\n')


def ok(*words):
    answer = tell(*words)
    assert answer.split(' ')[0] == 'OK', (words, answer)
    return answer[3:]


def equal(want, got, *context):
    assert want == got, (f'want {want!r}, got {got!r}', *context)


def fields_have_types_that_people_query():
    ok('put', 'types', '0', text(ORDER), 'e1')
    doc = things.find_one({'doc.amount': bson.Decimal128('19.9')})
    equal('types', doc['_id'])
    fields = doc['doc']
    equal(bson.Decimal128('19.90'), fields['amount'])
    equal(bson.Decimal128('0.10'), fields['items'][0]['price'])
    equal((3, True, None, '0193'), tuple(fields[k] for k in ('count', 'paid', 'note', 'id')))
    equal((int, bson.Int64), (type(fields['count']), type(fields['big'])))
    equal(datetime.datetime(2026, 11, 22, 18, 25, 43, 511000), fields['createdAt'])
    since = datetime.datetime(2026, 11, 22)
    equal(1, things.count_documents({'doc.createdAt': {'$gte': since}, 'doc.amount': {'$gt': 19}}))
    total, = things.aggregate([{'$group': {'_id': None, 'sum': {'$sum': '$doc.amount'}}}])
    equal(bson.Decimal128('19.90'), total['sum'])
    equal(['kind=thing', 'name=types'], doc['keys'])
    equal(['name=types'], doc['unique'])
    equal(['e1'], [event['id'] for event in doc['outbox']])
    equal(text(ORDER), ok('get', 'types').split(' ', 1)[1])


def a_change_that_counts_the_revision_up_is_noticed():
    rev = ok('put', 'edit', '0', text(ORDER))
    for one in (1, 1.0, bson.Int64(1)):  # shells send different kinds of 1
        things.update_one({'_id': 'edit'}, {'$set': {'doc.status': 'HELD'}, '$inc': {'rev': one}})
        answer = tell('put', 'edit', rev, text(ORDER))
        equal('CONFLICT', answer.split(' ')[0])
        equal('CONFLICT', tell('remove', 'edit', rev).split(' ')[0])
        read, doc = ok('get', 'edit').split(' ', 1)
        equal((int(rev) + 1, 'HELD'), (int(read), json.loads(doc)['status']))
        rev = ok('put', 'edit', read, text(ORDER))
        assert int(rev) > int(read)
    equal(bson.Int64, type(things.find_one({'_id': 'edit'})['rev']))


def a_change_without_it_is_read_but_not_noticed_by_who_has_read_before():
    rev = ok('put', 'quiet', '0', text(ORDER))
    things.update_one({'_id': 'quiet'}, {'$set': {'doc.amount': bson.Decimal128('5.00')}})
    equal(5, json.loads(ok('get', 'quiet').split(' ', 1)[1])['amount'])
    ok('put', 'quiet', rev, text(ORDER))  # as docs/mongodb.md says


def fields_win_over_the_text_beside_them():
    rev = ok('put', 'text', '0', '{"a":1e2}')
    assert 'text' in things.find_one({'_id': 'text'})
    equal(f'{rev} {{"a":1e2}}', ok('get', 'text'))
    things.update_one({'_id': 'text'}, {'$set': {'doc.a': 7}, '$inc': {'rev': 1}})
    equal('{"a":7}', ok('get', 'text').split(' ', 1)[1])


def a_document_that_is_not_ours_is_no_riddle():
    things.insert_one({'_id': 'foreign', 'hello': 'world'})
    equal('NOTFOUND', tell('get', 'foreign').split(' ')[0])
    answer = tell('put', 'foreign', '0', text(ORDER))
    assert answer.startswith('CORRUPT') and 'rev' in answer, answer
    equal('world', things.find_one({'_id': 'foreign'})['hello'])
    for strange in (513 * 'x', 17):
        things.insert_one({'_id': strange, 'rev': 1, 'keys': ['kind=strange'], 'doc': {'id': 'x'}})
        equal('CORRUPT', tell('find', 'kind', 'strange', 'strange').split(' ')[0])
        things.delete_one({'_id': strange})


def what_is_removed_goes_once_its_events_are_out():
    rev = ok('put', 'gone', '0', text(ORDER), 'g1')
    ok('put', 'gone', rev, text(ORDER), 'g2')
    ok('remove', 'gone', 'any')
    doc = things.find_one({'_id': 'gone'})
    assert doc['gone'] and 'doc' not in doc and 'removed' not in doc, doc
    assert ok('publish').split()[-2:] == ['g1', 'g2']
    doc = things.find_one({'_id': 'gone'})
    equal({'_id', 'rev', 'by', 'gone', 'removed'}, set(doc))
    equal(datetime.datetime, type(doc['removed']))
    equal(30 * 24 * 3600, things.index_information()['ecom_removed']['expireAfterSeconds'])
    ok('put', 'brief', '0', text(ORDER))
    ok('remove', 'brief', 'any')
    assert 'removed' in things.find_one({'_id': 'brief'})
    equal(0, things.count_documents({'waits': {'$exists': True}}))


def an_event_that_somebody_spoilt_holds_up_its_document_alone():
    spoils = ({'$unset': {'outbox.0.id': ''}}, {'$set': {'outbox.0.n': 'x'}}, {'$set': {'outbox.0': 1}})
    for i, spoil in enumerate(spoils):
        ok('put', f'spoilt{i}', ok('put', f'spoilt{i}', '0', text(ORDER), f'a{i}'), text(ORDER), f'b{i}')
        sound = things.find_one({'_id': f'spoilt{i}'})['outbox']
        things.update_one({'_id': f'spoilt{i}'}, spoil)
        ok('put', f'sound{i}', '0', text(ORDER), f'c{i}')
        equal(f'c{i}', ok('publish'), spoil)
        things.update_one({'_id': f'spoilt{i}'}, {'$set': {'outbox': sound}})
        equal(f'a{i} b{i}', ok('publish'), spoil)


def scans_of(plan):
    stages, found = [plan], []
    while stages:
        stage = stages.pop()
        if isinstance(stage, dict):
            found += [(stage['stage'], stage.get('indexName'))] if 'stage' in stage else []
            stages += stage.values()
        elif isinstance(stage, list):
            stages += stage
    return found


def plan_of(filter, sort):
    command = {'find': 'things', 'filter': filter, 'sort': sort}
    try:
        return scans_of(client[NAME].command('explain', command)['queryPlanner']['winningPlan'])
    except (pymongo.errors.OperationFailure, KeyError):
        return None


def ordinary_lookups_go_by_an_index():
    waits = plan_of({'waits': {'$gt': 0}}, {'waits': 1})
    value = plan_of({'keys': 'kind=thing', 'rev': {'$gt': 0}, 'gone': None}, {'_id': 1})
    if waits is None:
        print('# this server does not explain')
        return
    print(f'# {waits} {value}')
    assert ('IXSCAN', 'ecom_waits') in waits and 'SORT' not in dict(waits), waits
    if ('COLLSCAN', None) not in value:  # SecantusDB plans no compound index over an array
        assert ('IXSCAN', 'ecom_keys') in value and 'SORT' not in dict(value), value
    equal({'ecom_keys', 'ecom_unique', 'ecom_waits', 'ecom_removed', '_id_'},
          set(things.index_information()))


def indexes_that_are_missing_are_made_at_the_start():
    things.drop_index('ecom_keys')
    again = subprocess.run([tool, url], input='publish\n', capture_output=True, text=True)
    equal('OK\n', again.stdout)
    assert 'ecom_keys' in things.index_information()


def a_write_is_sent_as_one_that_must_last():
    """By a majority, into the journal, and numbered so that the driver may try it twice; and what is
    read must last, too."""
    at = re.match(r'(mongodb://127\.0\.0\.1:)(\d+)(/[^?]*)$', url)
    if not at:
        print('# no plain server at 127.0.0.1')
        return
    sent = bytearray()
    with Proxy(0, int(at[2]), heard=sent.extend) as proxy:
        through = f'{at[1]}{proxy.listener.getsockname()[1]}{at[3]}?directConnection=true'
        done = subprocess.run([tool, through], input='put lasts 0 {}\nget lasts\n', text=True,
                              capture_output=True)
    equal(['OK', 'OK'], [line[:2] for line in done.stdout.splitlines()], done.stdout)
    write, read = (bytes(sent[sent.index(name):]) for name in (b'\x02insert\0', b'\x02find\0'))
    for part in (b'\x02w\0\x09\0\0\0majority\0', b'\x08j\0\x01', b'\x12txnNumber\0'):
        assert part in write, (part, write)
    assert b'\x02level\0\x09\0\0\0majority\0' in read, read


try:
    tap.run([fields_have_types_that_people_query,
             a_change_that_counts_the_revision_up_is_noticed,
             a_change_without_it_is_read_but_not_noticed_by_who_has_read_before,
             fields_win_over_the_text_beside_them,
             a_document_that_is_not_ours_is_no_riddle,
             what_is_removed_goes_once_its_events_are_out,
             an_event_that_somebody_spoilt_holds_up_its_document_alone,
             ordinary_lookups_go_by_an_index,
             indexes_that_are_missing_are_made_at_the_start,
             a_write_is_sent_as_one_that_must_last])
finally:
    store.stdin.close()
    store.wait()
    client.drop_database(NAME)
