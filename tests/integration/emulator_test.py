"""The functions under AWS's own emulator of Lambda's Runtime API, which scripts/test builds."""
import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

import tap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from shop import free_ports  # noqa: E402

BIN = sys.argv[1]
EMULATOR = os.environ.get("ECOM_TEST_EMULATOR", "")
PATIENCE_S = 60
ORDER = {"type": "ORDER_CREATED", "id": "e-1", "time": "2026-01-01T00:00:00Z", "orderId": "o-1",
         "userId": "u-1", "amount": 19.99, "currency": "USD"}

if not EMULATOR:
    print("1..0 # SKIP ECOM_TEST_EMULATOR: Go 1.21 or later builds it, see scripts/test")
    sys.exit(0)


class Function:
    """`with Function("payment-lambda") as f: f.invoke(event)`."""

    def __init__(self, name, **settings):
        self.port, api = free_ports(2)
        self.command = [EMULATOR, "--log-level", "warn", "--runtime-api-address", f"127.0.0.1:{api}",
                        "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}",
                        os.path.join(BIN, name)]
        self.env = {"PATH": os.environ["PATH"], "LOG_FORMAT": "json", "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
                    **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, **settings}

    def __enter__(self):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command, env=self.env, stdout=self.log, stderr=self.log)
        end = time.monotonic() + PATIENCE_S
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            assert self.process.poll() is None and time.monotonic() < end, self.logged()
            time.sleep(0.02)
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        self.process.wait(timeout=PATIENCE_S)
        if kind:
            print("".join(f"# {line}\n" for line in self.logged().splitlines()))
        self.log.close()

    def logged(self):
        self.log.seek(0)
        return self.log.read()

    def invoke(self, event, **headers):
        """The status and what came back."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request("POST", "/2015-03-31/functions/function/invocations",
                               event if isinstance(event, bytes) else json.dumps(event), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def kill(self):
        """The function's process, as the emulator's only child, and waits until it is gone."""
        pids = []
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/children") as children:
                pids += map(int, children.read().split())
        (pid,) = pids
        os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + PATIENCE_S
        while os.path.exists(f"/proc/{pid}"):
            assert time.monotonic() < end
            time.sleep(0.01)


def an_order_is_paid_and_told_of():
    with Function("payment-lambda") as pay, Function("notification-lambda") as tell:
        status, paid = pay.invoke(ORDER)
        assert (status, paid["type"], paid["orderId"]) == (200, "PAYMENT_COMPLETED", "o-1"), paid
        assert pay.invoke(ORDER) == (200, paid)
        status, told = tell.invoke(paid)
        assert (status, told["status"], told["id"]) == (200, "SENT", paid["id"]), told


def a_correlation_id_comes_in_the_client_context():
    context = base64.b64encode(b'{"custom":{"x-correlation-id":"corr-1"}}').decode()
    with Function("payment-lambda") as f:
        _, paid = f.invoke(ORDER, **{"X-Amz-Client-Context": context})
        assert paid["correlationId"] == "corr-1", paid


def what_is_wrong_is_an_error_and_the_next_event_is_handled():
    with Function("payment-lambda") as f:
        for event in (b'{"type":', {**ORDER, "amount": -1}, b"null"):
            _, answer = f.invoke(event)
            assert (answer["errorType"], answer["stackTrace"]) == ("INVAL", []), answer
        _, answers = f.invoke([ORDER, {}])
        assert [a.get("type") or a["errorType"] for a in answers] == ["PAYMENT_COMPLETED", "INVAL"], answers


def a_batch_is_answered_with_what_failed():
    def record(offset, value):
        return {"topic": "payment-events", "partition": 0, "offset": offset, "timestamp": 1,
                "timestampType": "CREATE_TIME", "key": base64.b64encode(b"k%d" % offset).decode(),
                "value": base64.b64encode(value).decode(), "headers": []}

    with Function("payment-lambda") as pay, Function("notification-lambda") as tell:
        _, paid = pay.invoke(ORDER)
        batch = {"eventSource": "SelfManagedKafka", "bootstrapServers": "b:9092", "records": {
            "payment-events-0": [record(0, json.dumps(paid).encode()), record(1, b"poison")]}}
        status, answer = tell.invoke(batch)
        assert status == 200 and [f["itemIdentifier"]["offset"] for f in answer["batchItemFailures"]] == [1], answer


def a_killed_function_is_replaced():
    with Function("payment-lambda") as f:
        _, paid = f.invoke(ORDER)
        f.kill()
        status, answer = f.invoke(ORDER)
        assert (status, answer["errorType"]) == (502, "Runtime.ExitError"), answer
        _, again = f.invoke(ORDER)
        assert again["id"] == paid["id"], again


def a_function_that_cannot_start_says_why():
    with Function("payment-lambda", PAYMENT_DECLINE="sometimes") as f:
        status, answer = f.invoke(ORDER)
        assert (status, answer["errorType"]) == (502, "Init.INVAL"), answer
        assert "PAYMENT_DECLINE" in answer["errorMessage"], answer


tap.run([
    an_order_is_paid_and_told_of,
    a_correlation_id_comes_in_the_client_context,
    what_is_wrong_is_an_error_and_the_next_event_is_handled,
    a_batch_is_answered_with_what_failed,
    a_killed_function_is_replaced,
    a_function_that_cannot_start_says_why,
])
