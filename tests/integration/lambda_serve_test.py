"""`ecom lambda serve` as AWS's own client (botocore) sees it, and `ecom lambda invoke`.
`lambda_serve_test.py FOLDER-OF-EXECUTABLES`"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

import tap

tap.need("botocore")

import botocore.config  # noqa: E402
import botocore.exceptions  # noqa: E402
import botocore.session  # noqa: E402

os.environ["ECOM_BIN_DIR"] = sys.argv[1]
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from local_lambda import PAYMENT, Lambda, python_function  # noqa: E402
from shop import BIN, wait_until  # noqa: E402

FOLDER = tempfile.TemporaryDirectory()
# Does what its event asks for.
ODD = python_function(FOLDER.name, "odd", """
    import os, sys, time

    def handle(event, context):
        if 'sleep' in event:
            time.sleep(event['sleep'])
        while 'until' in event and not os.path.exists(event['until']):
            time.sleep(0.01)
        if 'exit' in event:
            sys.stderr.write('last words\\n')
            sys.stderr.flush()
            os._exit(event['exit'])
        if 'count' in event:
            with open(event['count'], 'a') as file:
                file.write('x')
            if os.path.getsize(event['count']) < 3:
                os._exit(7)
        print('pid', os.getpid())
        sys.stdout.flush()
        return {'event': event, 'context': context, 'pid': os.getpid(),
                'name': os.environ['AWS_LAMBDA_FUNCTION_NAME']}
""")
ORDER = {"type": "ORDER_CREATED", "id": "e-1", "time": "2026-01-01T00:00:00Z", "orderId": "o-1",
         "userId": "u-1", "amount": 19.99, "currency": "USD"}


def client(local):
    session = botocore.session.Session()
    session.set_credentials("AKLOCAL", "local")
    config = botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=120)
    return session.create_client("lambda", region_name="eu-central-1", endpoint_url=local.url,
                                 config=config)


def invoke(local, name="odd", event=None, **options):
    answer = client(local).invoke(FunctionName=name, Payload=json.dumps(event or {}), **options)
    answer["Result"] = json.loads(answer["Payload"].read() or b"null")
    return answer


def refused(call):
    try:
        call()
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError("it was not refused")


def an_invocation_is_answered_as_aws_does():
    context = base64.b64encode(b'{"custom":{"x":"y"}}').decode()
    with Lambda(odd=ODD) as local:
        answer = invoke(local, "odd:live", {"a": [1, "\u00e9"]}, LogType="Tail", ClientContext=context)
        assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST"), answer
        assert "FunctionError" not in answer, answer
        result = answer["Result"]
        assert result["event"] == {"a": [1, "\u00e9"]} and result["name"] == "odd", result
        assert result["context"] == {"custom": {"x": "y"}}, result
        tail = base64.b64decode(answer["LogResult"]).decode()
        request = answer["ResponseMetadata"]["RequestId"]
        assert f"START RequestId: {request} Version: $LATEST\n" in tail, tail
        assert f"pid {result['pid']}\nEND RequestId: {request}\nREPORT RequestId: {request}\t" in tail, tail
        assert "Init Duration" in tail, tail
        again = invoke(local, "arn:aws:lambda:eu-central-1:000000000000:function:odd", LogType="Tail")
        assert again["Result"]["pid"] == result["pid"]
        assert b"Init Duration" not in base64.b64decode(again["LogResult"])
        wait_until("it to stand still between invocations", lambda: local.frozen() == 1)


def a_function_that_fails_is_told_from_one_that_answers():
    with Lambda(pay=PAYMENT) as local:
        answer = invoke(local, "pay", {**ORDER, "amount": -1})
        assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled"), answer
        assert answer["Result"]["errorType"] == "INVAL", answer
        assert invoke(local, "pay", ORDER)["Result"]["type"] == "PAYMENT_COMPLETED"


def a_process_that_ends_is_an_error_and_replaced():
    with Lambda(odd=ODD) as local:
        first = invoke(local)["Result"]["pid"]
        answer = invoke(local, event={"exit": 3}, LogType="Tail")
        assert answer["FunctionError"] == "Unhandled", answer
        assert answer["Result"]["errorType"] == "Runtime.ExitError", answer
        assert answer["Result"]["errorMessage"].endswith(
            "Error: Runtime exited with error: exit status 3"), answer
        assert b"last words\n" in base64.b64decode(answer["LogResult"]), answer
        assert invoke(local)["Result"]["pid"] != first


def a_function_that_is_late_is_killed():
    with Lambda("--timeout", "4.5", odd=ODD) as local:
        first = invoke(local)["Result"]["pid"]
        begun = time.monotonic()
        answer = invoke(local, event={"sleep": 200})
        assert time.monotonic() - begun < 100
        assert answer["Result"]["errorType"] == "Sandbox.Timedout", answer
        assert "Task timed out after 4.50 seconds" in answer["Result"]["errorMessage"], answer
        assert invoke(local)["Result"]["pid"] != first


def one_more_than_may_run_is_throttled():
    until = os.path.join(FOLDER.name, "until")
    with Lambda("--concurrency", "2", "--timeout", "200", odd=ODD) as local:
        threads = [threading.Thread(target=invoke, args=(local, "odd", {"until": until})) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_until("both", lambda: len(local.processes()) == 2 and local.frozen() == 0)
        assert refused(lambda: invoke(local)) == ("TooManyRequestsException", 429)
        open(until, "w").close()
        for thread in threads:
            thread.join()
        assert len(local.processes()) == 2


def events_are_taken_at_once_and_tried_three_times():
    with Lambda("--retry-delay", "0.1", odd=ODD) as local:
        count = os.path.join(FOLDER.name, "count")
        answer = invoke(local, event={"count": count}, InvocationType="Event")
        assert (answer["StatusCode"], answer["Result"]) == (202, None), answer
        wait_until("three tries", lambda: local.logged().count("REPORT") == 3)
        assert os.path.getsize(count) == 3
        invoke(local, event={"exit": 9}, InvocationType="Event")
        wait_until("its end", lambda: "is dropped after 3 tries" in local.logged())


def what_aws_refuses_is_refused():
    with Lambda(odd=ODD) as local:
        assert refused(lambda: invoke(local, "none")) == ("ResourceNotFoundException", 404)
        large = lambda: client(local).invoke(FunctionName="odd", Payload=b'"' + b"x" * (6 << 20) + b'"')  # noqa: E731
        assert refused(large) == ("RequestTooLargeException", 413)
        assert refused(lambda: client(local).invoke(FunctionName="odd", Payload=b"{")) == (
            "InvalidRequestContentException", 400)
        assert invoke(local, InvocationType="DryRun")["StatusCode"] == 204


def a_function_that_cannot_start_says_why():
    with Lambda(pay=PAYMENT, settings={"LOG_LEVEL": "loud"}) as local:
        answer = invoke(local, "pay", ORDER)
        assert answer["FunctionError"] == "Unhandled", answer
        assert "LOG_LEVEL" in answer["Result"]["errorMessage"], answer


def ecom(*args, **env):
    return subprocess.run([os.path.join(BIN, "ecom"), "lambda", *args], text=True, capture_output=True,
                          cwd=FOLDER.name, timeout=120, env={"PATH": os.environ["PATH"],
                          **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, **env})


def it_is_invoked_from_the_command_line():
    event = os.path.join(FOLDER.name, "order.json")
    with open(event, "w") as file:
        json.dump(ORDER, file)
    with Lambda(pay=PAYMENT) as local:
        out = ecom("invoke", "pay", "--event", event, **local.client)
        assert out.returncode == 0 and json.loads(out.stdout)["type"] == "PAYMENT_COMPLETED", out
        assert "REPORT RequestId" in out.stderr, out
        out = ecom("invoke", "pay", **local.client)
        assert out.returncode == 70 and json.loads(out.stdout)["errorType"] == "INVAL", out
        assert ecom("invoke", "pay", "--async", "--event", event, **local.client).returncode == 0
        assert ecom("invoke", "none", **local.client).returncode == 66
        assert ecom("invoke", "pay", "--event", "/nowhere", **local.client).returncode == 66
    out = ecom("invoke", "pay", "--endpoint", local.url, **{**local.client, "AWS_ENDPOINT_URL_LAMBDA": ""})
    assert out.returncode == 69 and "connect" in out.stderr, out


def the_command_explains_itself():
    for args in ((), ("serve",), ("invoke",)):
        out = ecom(*args, "--help")
        assert out.returncode == 0 and "Usage: ecom lambda" in out.stdout, out
        assert ecom(*args, "--nonsense").returncode == 64
    for args in (("serve",), ("serve", "x"), ("serve", "x=/nowhere"), ("serve", "--timeout", "x", f"x={ODD}"),
                 ("serve", "--concurrency", "101", f"x={ODD}"), ("invoke",), ("invoke", "a", "b")):
        out = ecom(*args)
        assert out.returncode == 64 and out.stderr, (args, out)
    out = ecom("serve", f"x={ODD}", f"y={ODD}", f"x={PAYMENT}")
    assert out.returncode == 64 and "two functions are called 'x'" in out.stderr, out


tap.run([
    an_invocation_is_answered_as_aws_does,
    a_function_that_fails_is_told_from_one_that_answers,
    a_process_that_ends_is_an_error_and_replaced,
    a_function_that_is_late_is_killed,
    one_more_than_may_run_is_throttled,
    events_are_taken_at_once_and_tried_three_times,
    what_aws_refuses_is_refused,
    a_function_that_cannot_start_says_why,
    it_is_invoked_from_the_command_line,
    the_command_explains_itself,
])
