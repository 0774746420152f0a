"""`ecom` as a person meets it: start, Ctrl-C, wrong settings, wrong arguments."""
import contextlib
import http.server
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from shop import BIN, DAEMONS, PATIENCE_S, Shop, equal, run_tests, wait_until


def ecom(*args, program='ecom', **env):
    """Runs it in an empty folder: (status, stdout, stderr)."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([os.path.join(BIN, program), *args], cwd=folder, text=True,
                              capture_output=True, timeout=PATIENCE_S,
                              env={'PATH': os.environ['PATH'], **env})
        return done.returncode, done.stdout, done.stderr


def said(shop):
    with open(os.path.join(shop.folder, 'log')) as log:
        return log.read()


def a_ctrl_c_that_comes_twice_at_once_still_stops_in_order():
    with Shop() as shop:
        shop.up.send_signal(signal.SIGINT)  # by the terminal
        shop.up.send_signal(signal.SIGTERM)  # by the script around it
        equal(0, shop.stop())
        log = said(shop)
        assert 'killed' not in log, log
        equal(['graphql-gateway', 'user-service', 'product-service', 'order-service',
               'payment-worker', 'notification-worker'],
              re.findall(r'"service":"([^"]+)","message":"stopped"', log))


NO_PORTS = {name: '0' for name in ('USER_PORT', 'PRODUCT_PORT', 'ORDER_PORT', 'GATEWAY_PORT',
                                   'PAYMENT_WORKER_PORT', 'NOTIFICATION_WORKER_PORT')}


def who_dies_is_started_again():
    with Shop() as shop:
        for times in (1, 2):
            os.kill(shop.pid('payment-worker'), signal.SIGKILL)
            wait_until('its end', lambda n=times: said(shop).count('ended by signal 9, starting') == n)
            equal(DAEMONS['payment-worker'], shop.line())


def who_cannot_start_stops_all_in_the_end():
    """Its port is another's."""
    shop = Shop()
    with socket.socket() as taken, open(os.path.join(shop.folder, 'log'), 'wb') as log:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        taken_port = taken.getsockname()[1]
        run = subprocess.run([os.path.join(BIN, 'ecom'), 'up'], cwd=shop.folder,
                             stdout=subprocess.DEVNULL, stderr=log,
                             env={**shop.env, 'PRODUCT_PORT': str(taken_port)})
    equal(69, run.returncode)
    log = said(shop)
    equal(['200', '400', '800', '1600'], re.findall(r'69, starting it again in (\d+) ms', log))
    assert f'port {taken_port}: Address already in use (PRODUCT_PORT)' in log, log
    assert 'product-service     | ended with status 69 and will not do better: stopping all' in log, log
    equal(len(DAEMONS) - 1, log.count('"message":"stopped"'), log)


def without_a_secret_nothing_is_started():
    status, out, err = ecom('up')
    equal((78, ''), (status, out))
    equal(1, err.count('JWT_SECRET: must be set'), err)


def a_missing_secret_is_told_beside_the_other_faults():
    for program in ('ecom', 'order-service'):
        status, _, err = ecom(*['up'] * (program == 'ecom'), program=program, USER_PORT='x')
        equal(78, status)
        assert 'USER_PORT: ' in err and 'JWT_SECRET: must be set' in err, err


def a_misspelt_setting_is_told_and_the_right_one_named():
    told = '.env: line 1: JWT_SECERT is no setting: is JWT_SECRET meant?'
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, '.env'), 'w') as env_file:
            env_file.write(f'JWT_SECERT={"s" * 32}\nSECRET_OF_OTHERS=1\n')
        for program, status in (('ecom', 1), ('order-service', 78)):
            done = subprocess.run([os.path.join(BIN, program)] + ['doctor'] * (program == 'ecom'), cwd=folder,
                                  text=True, capture_output=True, timeout=PATIENCE_S,
                                  env={'PATH': os.environ['PATH'], 'PAYMENT_MONGODB_URI': 'memory:'})
            equal(status, done.returncode)
            equal(1, done.stderr.count(told), done.stderr)
            assert 's' * 8 not in done.stderr and 'OTHERS' not in done.stderr, done.stderr
    shop = Shop()
    with open(os.path.join(shop.folder, '.env'), 'w') as env_file:
        env_file.write(f'JWT_SECERT={"s" * 32}\n')
    with shop:
        equal(0, shop.stop())
        equal(sorted(DAEMONS), sorted(re.findall(r'"level":"warn","service":"([^"]+)","message":"' + re.escape(told),
                                                 said(shop))))


def who_reads_the_logs_may_stand_still():
    """A terminal behind Ctrl-S: the shop goes on, can be stopped, and says what was lost."""
    ours, theirs = os.pipe()
    shop = Shop(LOG_LEVEL='info')
    shop.log = os.fdopen(theirs, 'wb')
    os.set_blocking(ours, False)
    log = b''

    def asked(times):
        for _ in range(times):
            equal(401, shop.call('order-service', 'GET', '/orders', headers={'x-correlation-id': 'c' * 128}).status)

    def told():
        nonlocal log
        asked(1)
        with contextlib.suppress(BlockingIOError):
            log += os.read(ours, 1 << 20)
        return b'lines that nobody read, and that are lost: ' in log

    with shop:
        asked(600)  # more than two pipes hold
        wait_until('what was lost', told)
        asked(600)
        equal(0, shop.stop())
    os.close(ours)


def want_of_memory_is_no_fault_of_the_settings():
    """On those `ecom up` would give the whole shop up. The n-th allocation fails, and all behind it."""
    no_memory = os.path.abspath(sys.argv[1])
    for n in [*range(1, 40), *range(40, 400, 20)]:
        status, out, err = ecom(program='order-service', JWT_SECRET='s' * 32, LD_PRELOAD=no_memory,
                                ECOM_TEST_NO_MEMORY_FROM=str(n))
        equal((71, ''), (status, out), n, err)


def what_is_no_url_is_told_by_its_setting():
    for name in ('ORDER_MONGODB_URI', 'ECOM_BUS_URL'):
        status, _, err = ecom(program='order-service', JWT_SECRET='s' * 32, **{name: 'order.db'})
        equal(78, status, err)
        assert f'"reason":"{name}: is not a URL' in err, err


def a_setting_that_nothing_can_open_is_not_tried_again():
    for setting in ({'ORDER_MONGODB_URI': 'nats://here'}, {'GRAPHQL_TRUSTED_DOCUMENTS': 'nowhere'}):
        status, _, err = ecom('up', JWT_SECRET='s' * 32, **setting, **NO_PORTS)
        equal(78, status, err)
        assert 'with status 78 and will not do better: stopping all' in err, err
        assert 'starting it again' not in err, err


def who_cannot_listen_names_the_setting_at_fault():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        for host, port, setting in (('127.0.0.1', taken.getsockname()[1], 'USER_PORT'),
                                    ('192.0.2.1', 0, 'ECOM_HOST'), ('no such host', 0, 'ECOM_HOST')):
            status, _, err = ecom(program='user-service', JWT_SECRET='s' * 32, ECOM_HOST=host, USER_PORT=str(port))
            equal(69, status, err)
            assert f'"reason":"cannot listen on {host}' in err and f' ({setting})"' in err, err


def a_fault_names_the_file_of_settings_that_was_given():
    with tempfile.NamedTemporaryFile('w', suffix='.env') as file:
        file.write('\nUSER_PORT=x\n')
        file.flush()
        status, _, err = ecom('doctor', '--env-file', file.name)
        equal((78, f'ecom: wrong settings:\nUSER_PORT: must be an integer ({file.name} line 2)\n'), (status, err))


def an_unknown_argument_is_named_and_help_offered():
    for verb in ('up', 'demo', 'doctor', 'events'):
        status, _, err = ecom(verb, '--nope')
        equal(64, status)
        assert f"ecom {verb}: unrecognized option '--nope'\nTry 'ecom {verb} --help'." in err, err
        if verb != 'events':
            status, _, err = ecom(verb, 'nope')
            equal((64, f"ecom {verb}: unexpected argument 'nope'\nTry 'ecom {verb} --help'.\n"),
                  (status, err))
            equal((64, f"ecom {verb}: only events has --follow\nTry 'ecom {verb} --help'.\n"),
                  ecom(verb, '--follow')[::2])


def every_help_fits_a_terminal():
    texts = [ecom('--help')] + [ecom(verb, '--help') for verb in ('up', 'demo', 'doctor', 'events', 'lambda')]
    texts += [ecom('lambda', verb, '--help') for verb in ('serve', 'invoke')]
    texts += [ecom('--help', program=daemon) for daemon in DAEMONS]
    for status, out, _ in texts:
        equal(0, status)
        equal([], [line for line in out.splitlines() if len(line) > 80])


def the_doctor_comes_before_the_first_start():
    status, out, err = ecom('doctor', JWT_SECRET='s' * 32, **{
        name: '1' for name in ('USER_PORT', 'PRODUCT_PORT', 'ORDER_PORT', 'GATEWAY_PORT',
                               'PAYMENT_WORKER_PORT', 'NOTIFICATION_WORKER_PORT')})
    equal(1, status, err)
    equal(7, out.count('ok  '), out)  # the secret, five stores, the bus
    equal(6, out.count('missing  '), out)


def what_the_doctor_makes_is_for_its_user_alone():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        ecom('doctor', JWT_SECRET='s' * 32, ECOM_DATA_DIR=folder, **NO_PORTS)
        stores = [name for name in os.listdir(folder) if '.db' in name]
        assert len(stores) >= 5, stores
        for name in stores:
            equal(0, os.stat(f'{folder}/{name}').st_mode & 0o077, name)


class Unready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"status":"unavailable","reason":"the moon is full"}'
        self.send_response(503)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def the_doctor_says_why_a_service_is_not_ready():
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Unready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{server.server_address[1]}'
        _, out, _ = ecom('doctor', JWT_SECRET='s' * 32, **{**NO_PORTS, 'ORDER_SERVICE_URL': url})
        server.shutdown()
    assert re.search(f'^missing  order-service +{url}: the moon is full$', out, re.M), out


def a_demo_without_a_shop_says_how_to_start_one():
    with socket.socket() as nobody:
        nobody.bind(('127.0.0.1', 0))  # and does not listen
        status, _, err = ecom('demo', JWT_SECRET='s' * 32, USER_PORT=str(nobody.getsockname()[1]))
    equal(1, status)
    assert "Connection refused\nIs the shop running? 'ecom up' starts it" in err, err


def a_topic_that_is_not_there_is_told_and_not_made():
    with Shop() as shop:
        asked = shop.run('events', 'order-evnts', 'order-events')
        equal((66, '', "ecom events: there is no topic 'order-evnts' yet\n"),
              (asked.returncode, asked.stdout, asked.stderr))
        equal(0, shop.run('events', 'order-events').returncode)
        assert not [name for name in os.listdir(f'{shop.folder}/data/bus') if 'evnts' in name]


def following_begins_before_there_is_anything():
    shop = Shop()
    with open(os.path.join(shop.folder, 'events'), 'w+') as out:
        follower = subprocess.Popen([os.path.join(BIN, 'ecom'), 'events', '--follow'],
                                    env=shop.env, cwd=shop.folder, stdout=out)
        wait_until('the follower', lambda: 'no topics yet' in open(out.name).read())
        with shop:
            _, token = shop.customer()
            order = shop.call('order-service', 'POST', '/orders', {'amount': 1}, token).json
            for kind in ('ORDER_CREATED', 'PAYMENT_COMPLETED'):
                wait_until(kind, lambda kind=kind: f'"type":"{kind}"' in open(out.name).read())
            assert order['id'] in open(out.name).read()
            follower.send_signal(signal.SIGINT)
            equal(0, follower.wait(timeout=PATIENCE_S))


run_tests(a_ctrl_c_that_comes_twice_at_once_still_stops_in_order,
          who_dies_is_started_again,
          who_cannot_start_stops_all_in_the_end,
          without_a_secret_nothing_is_started,
          a_misspelt_setting_is_told_and_the_right_one_named,
          a_missing_secret_is_told_beside_the_other_faults,
          what_is_no_url_is_told_by_its_setting,
          a_setting_that_nothing_can_open_is_not_tried_again,
          who_cannot_listen_names_the_setting_at_fault,
          a_fault_names_the_file_of_settings_that_was_given,
          an_unknown_argument_is_named_and_help_offered,
          every_help_fits_a_terminal,
          the_doctor_comes_before_the_first_start,
          what_the_doctor_makes_is_for_its_user_alone,
          the_doctor_says_why_a_service_is_not_ready,
          a_demo_without_a_shop_says_how_to_start_one,
          a_topic_that_is_not_there_is_told_and_not_made,
          following_begins_before_there_is_anything,
          who_reads_the_logs_may_stand_still,
          *([want_of_memory_is_no_fault_of_the_settings] if sys.argv[1:] else []))
