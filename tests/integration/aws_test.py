"""Our requests, their signatures checked by botocore's signer; and our ways to credentials, against
agents that are strict. `aws_test.py TOOL`"""

import datetime
import http.server
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import tap

tap.need("botocore")

from botocore.auth import SigV4Auth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402

TOOL = sys.argv[1]
KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalr/XUtn+FEMI", "IQoJb3JpZ2luX2VjE//a+b=="
SKEW_S = 300


class Aws(http.server.BaseHTTPRequestHandler):
    """Refuses what botocore would have signed otherwise."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.server.connections += 1

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, kind, message):
        self.server.refused.append((kind, message))
        self.answer(403, json.dumps({"message": message}).encode(), x_amzn_ErrorType=kind)

    def expected(self, body, authorization):
        """The Authorization header of this request as botocore makes it."""
        signed = dict(part.strip().split("=", 1) for part in authorization.split(" ", 1)[1].split(","))
        _, _, region, service, _ = signed["Credential"].split("/")
        split = urllib.parse.urlsplit(f"http://{self.headers['Host']}{self.path}")
        headers = {name: self.headers[name] for name in signed["SignedHeaders"].split(";")}
        for name in self.headers:
            if name.lower().startswith("x-amz-") or name.lower() in ("host", "content-type"):
                assert name.lower() in signed["SignedHeaders"].split(";"), name
        # Requests of botocore have the path and query as they are sent.
        request = AWSRequest(method=self.command, url=urllib.parse.urlunsplit(split), data=body,
                             headers=headers)
        request.context["timestamp"] = self.headers["X-Amz-Date"]
        signer = SigV4Auth(Credentials(KEY, SECRET, self.headers.get("X-Amz-Security-Token")), service,
                           region)
        canonical = signer.canonical_request(request)
        signature = signer.signature(signer.string_to_sign(request, canonical), request)
        return (f"AWS4-HMAC-SHA256 Credential={KEY}/{signer.scope(request).split('/', 1)[1]}, "
                f"SignedHeaders={signer.signed_headers(signer.headers_to_sign(request))}, "
                f"Signature={signature}")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = self.headers.get("Authorization", "")
        date = datetime.datetime.strptime(self.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(
            seconds=self.server.ahead_s)
        skew = abs((now - date.replace(tzinfo=datetime.timezone.utc)).total_seconds())
        if self.server.token and self.headers.get("X-Amz-Security-Token") != self.server.token:
            return self.refuse("UnrecognizedClientException", "The security token is invalid.")
        if skew > SKEW_S:
            return self.refuse("InvalidSignatureException", "Signature expired: " + str(date))
        want = self.expected(body, given)
        if given != want:
            return self.refuse("InvalidSignatureException", f"want {want}\ngot {given}")
        self.server.seen.append((self.path, dict(self.headers), body))
        if self.server.hold:
            with self.server.lock:
                self.server.running += 1
                self.server.most = max(self.server.most, self.server.running)
            time.sleep(self.server.hold)
            with self.server.lock:
                self.server.running -= 1
        if self.headers["X-Amz-Invocation-Type"] == "Event":
            return self.answer(202)
        return self.answer(200, self.server.result if self.server.result is not None else body,
                           x_amzn_RequestId="r-1")

    def do_PUT(self):
        if self.path != "/latest/api/token" or not self.headers["X-aws-ec2-metadata-token-ttl-seconds"]:
            return self.answer(400)
        return self.answer(200, b"metadata-token")

    def do_GET(self):
        keys = {"AccessKeyId": KEY, "SecretAccessKey": SECRET, "Token": TOKEN, "Code": "Success",
                "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))}
        role = "/latest/meta-data/iam/security-credentials/"
        self.server.asked.append(self.path)
        if self.path == "/container" and self.headers["Authorization"] == "agent-token":
            return self.answer(200, json.dumps(keys).encode())
        if self.headers["X-aws-ec2-metadata-token"] != "metadata-token":
            return self.answer(401)
        if self.path == role:
            return self.answer(200, b"role-1")
        return self.answer(200, json.dumps(keys).encode()) if self.path == role + "role-1" else self.answer(404)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, tls=None):
        super().__init__(("127.0.0.1", 0), Aws)
        self.seen, self.refused, self.asked = [], [], []
        self.connections, self.running, self.most = 0, 0, 0
        self.ahead_s, self.hold, self.token, self.result = 0, 0, None, None
        self.lock = threading.Lock()
        self.url = f"{'https' if tls else 'http'}://localhost:{self.server_port}"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_):
        pass

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def run(server, function="pay", payload=b"{}", mode="request", times=1, keys=True, **settings):
    env = {"PATH": os.environ["PATH"], "AWS_REGION": "eu-central-1",
           "AWS_ENDPOINT_URL_LAMBDA": server.url, "TRIES": "1",
           **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")},
           **({"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET} if keys else {}), **settings}
    out = subprocess.run([TOOL, function, mode, str(times)], input=payload, env=env,
                         capture_output=True, timeout=120)
    assert out.stdout, out.stderr
    answers = [json.loads(line) for line in out.stdout.splitlines()]
    return answers if times > 1 else answers[0]


def names_with_special_characters_are_signed():
    with Server() as server:
        for function in ("pay", "pay-2_x:live", "pay:$LATEST", "123456789012:function:pay:7",
                         "arn:aws:lambda:eu-west-1:123456789012:function:pay:prod"):
            answer = run(server, function)
            assert answer["code"] == "OK", (function, answer, server.refused)
        paths = [path for path, _, _ in server.seen]
        assert paths[2] == "/2015-03-31/functions/pay/invocations?Qualifier=%24LATEST", paths
        assert urllib.parse.unquote(paths[4]).split("/")[3].startswith("arn:aws:lambda"), paths


def a_session_token_is_sent_and_signed():
    with Server() as server:
        server.token = TOKEN
        assert run(server, AWS_SESSION_TOKEN=TOKEN)["code"] == "OK", server.refused
        assert run(server)["code"] == "FORBIDDEN"


def payloads_of_every_kind_arrive():
    with Server() as server:
        for payload in (b"", b"\0\1\xff\xfe" * 50, "\u00e9\U0001f600".encode(), b" " * (6 << 20)):
            answer = run(server, payload=payload, CORRELATION_ID="\u00e9 \" \\ c")
            assert answer["code"] == "OK" and answer["bytes"] == len(payload), (answer, server.refused)
            assert server.seen[-1][2] == payload
        assert "expect" not in {name.lower() for name in server.seen[-1][1]}


def a_wrong_secret_is_refused():
    with Server() as server:
        answer = run(server, AWS_SECRET_ACCESS_KEY="another")
        assert answer["code"] == "FORBIDDEN" and "InvalidSignature" in answer["text"], answer
        assert "another" not in answer["text"] and "got" not in answer["text"], answer


def a_clock_that_is_wrong_is_refused():
    for ahead in (SKEW_S + 10, -SKEW_S - 10):
        with Server() as server:
            server.ahead_s = ahead
            answer = run(server)
            assert answer["code"] == "FORBIDDEN" and "Signature expired" in answer["text"], answer


def an_event_needs_no_result():
    with Server() as server:
        answer = run(server, mode="event")
        assert (answer["code"], answer["status"]) == ("OK", 202), answer


def a_result_of_more_than_6_mib_is_refused():
    with Server() as server:
        server.result = b"1" * ((6 << 20) + 1)
        answer = run(server)
        assert answer["code"] == "TOOLARGE", answer


def connections_are_kept_and_bounded():
    with Server() as server:
        server.hold = 0.05
        answers = run(server, times=24, CONCURRENCY="3")
        assert all(a["code"] == "OK" for a in answers), answers
        assert server.most <= 3 and server.connections <= 3, (server.most, server.connections)


def who_waits_too_long_for_a_connection_is_told():
    with Server() as server:
        server.hold = 0.8
        answers = run(server, times=2, CONCURRENCY="1", TIMEOUT_MS="400")
        assert sorted(a["code"] for a in answers) == ["TIMEOUT", "UNAVAILABLE"] or \
            [a["code"] for a in answers] == ["TIMEOUT", "TIMEOUT"], answers


def credentials_come_from_the_container():
    with Server() as server, tempfile.NamedTemporaryFile("w") as token:
        token.write("agent-token\n")
        token.flush()
        server.token = TOKEN
        answer = run(server, keys=False, AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{server.url}/container",
                     AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token.name)
        assert answer["code"] == "OK", (answer, server.refused)


def credentials_come_from_the_machine():
    with Server() as server:
        server.token = TOKEN
        answer = run(server, keys=False, AWS_EC2_METADATA_SERVICE_ENDPOINT=server.url)
        assert answer["code"] == "OK", (answer, server.refused)
        assert len(server.asked) == 2, server.asked


def credentials_come_from_a_profile():
    with Server() as server, tempfile.TemporaryDirectory() as folder:
        config, credentials = f"{folder}/config", f"{folder}/credentials"
        with open(config, "w") as file:
            file.write("[default]\nregion=nowhere-1\n[profile shop]\nregion = us-west-2\n")
        with open(credentials, "w") as file:
            file.write(f"[shop]\naws_access_key_id={KEY}\naws_secret_access_key = {SECRET}\n")
        answer = run(server, keys=False, AWS_PROFILE="shop", AWS_REGION="", AWS_CONFIG_FILE=config,
                     AWS_SHARED_CREDENTIALS_FILE=credentials)
        assert answer["code"] == "OK", (answer, server.refused)
        assert "/us-west-2/lambda/" in server.seen[0][1]["authorization"]


def a_certificate_is_checked_against_the_bundle():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                        f"{folder}/key", "-out", f"{folder}/cert"], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/cert", f"{folder}/key")
        with Server(context) as server:
            assert run(server, AWS_CA_BUNDLE=f"{folder}/cert")["code"] == "OK", server.refused
            answer = run(server)
            assert answer["code"] == "UNAVAILABLE" and "certificate" in answer["text"], answer


tap.run([
    names_with_special_characters_are_signed,
    a_session_token_is_sent_and_signed,
    payloads_of_every_kind_arrive,
    a_wrong_secret_is_refused,
    a_clock_that_is_wrong_is_refused,
    an_event_needs_no_result,
    a_result_of_more_than_6_mib_is_refused,
    connections_are_kept_and_bounded,
    who_waits_too_long_for_a_connection_is_told,
    credentials_come_from_the_container,
    credentials_come_from_the_machine,
    credentials_come_from_a_profile,
    a_certificate_is_checked_against_the_bundle,
])
