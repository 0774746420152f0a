"""Our tokens read by PyJWT, and PyJWT's by us; and an independent forger's attacks."""

import subprocess
import sys
import time
import warnings

import tap

tap.need("jwt")

import jwt  # noqa: E402

warnings.simplefilter("ignore")  # that the forger's keys are short for what he does
TOOL = sys.argv[1]
SECRET = "0123456789abcdef0123456789abcdef-\u00e9"
NOW = int(time.time())
CLAIMS = {"sub": "u1", "iss": "libecom", "exp": NOW + 600}


def issue(sub, email):
    return subprocess.run([TOOL, SECRET, "issue", sub, email], check=True, capture_output=True,
                          timeout=120).stdout.decode()


def verify(token):
    """The claims as lines, or None with the reason."""
    if isinstance(token, str):
        token = token.encode()
    done = subprocess.run([TOOL, SECRET, "verify"], input=token, capture_output=True, timeout=120)
    assert done.returncode in (0, 1), done
    if done.returncode == 0:
        return done.stdout.decode().split("\n"), ""
    return None, done.stderr.decode()


def make(claims=CLAIMS, key=SECRET, algorithm="HS256", **headers):
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers)


def pyjwt_takes_our_tokens():
    token = issue('u"1\\\u00e9', "a@b.example")
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], issuer="libecom",
                        options={"require": ["exp", "iat", "iss", "sub", "jti"]})
    assert claims["sub"] == 'u"1\\\u00e9' and claims["email"] == "a@b.example"
    assert claims["exp"] - claims["iat"] == 86400 and abs(claims["iat"] - time.time()) < 60
    header = jwt.get_unverified_header(token)
    assert header["alg"] == "HS256" and header["typ"] == "JWT" and len(header["kid"]) == 16


def we_take_tokens_of_pyjwt():
    claims, why = verify(make({**CLAIMS, "email": "\u00e9@b.example", "jti": "j", "iat": NOW,
                               "nbf": NOW, "roles": ["x"]}))
    assert claims, why
    assert claims[:5] == ["u1", "\u00e9@b.example", "j", str(NOW), str(NOW + 600)], claims


def pyjwt_sees_through_an_altered_token_of_ours():
    token = issue("u1", "")
    try:
        jwt.decode(token[:-2] + ("AA" if token[-2:] != "AA" else "BA"), SECRET,
                   algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return
    raise AssertionError("taken")


def we_refuse_what_a_forger_makes_with_pyjwt():
    token = make()
    head, body, mac = token.split(".")
    other = make({**CLAIMS, "sub": "u2"}).split(".")
    forged = {
        "none": make(key=None, algorithm="none"),
        "HS384": make(algorithm="HS384"),
        "HS512": make(algorithm="HS512"),
        "another secret": make(key="x" * 32),
        "another's payload": ".".join([head, other[1], mac]),
        "another's signature": ".".join([head, body, other[2]]),
        "no signature": ".".join([head, body, ""]),
        "expired": make({**CLAIMS, "exp": NOW - 60}),
        "no exp": make({"sub": "u1", "iss": "libecom"}),
        "float exp": make({**CLAIMS, "exp": NOW + 600.5}),
        "negative exp": make({**CLAIMS, "exp": -1}),
        "huge exp": make({**CLAIMS, "exp": 2**70}),
        "text exp": make({**CLAIMS, "exp": str(NOW + 600)}),
        "not before": make({**CLAIMS, "nbf": NOW + 600}),
        "issued ahead": make({**CLAIMS, "iat": NOW + 600}),
        "another issuer": make({**CLAIMS, "iss": "other"}),
        "no issuer": make({"sub": "u1", "exp": NOW + 600}),
        "no subject": make({"iss": "libecom", "exp": NOW + 600}),
        "empty subject": make({**CLAIMS, "sub": ""}),
        "an audience": make({**CLAIMS, "aud": "other"}),
        "crit": make(crit=["b64"], b64=True),
        "unknown kid": make(kid="k"),
        "type": make(typ="JWE"),
        "too long": make({**CLAIMS, "x": "y" * 4096}),
        "newline": token + "\n",
        "NUL": token.encode() + b"\0",
        "empty": "",
    }
    assert verify(token)[0], "the honest one"
    for name, bad in forged.items():
        claims, why = verify(bad)
        assert claims is None, f"took: {name}"
        assert why.startswith("the token ") and SECRET not in why, why


tap.run([
    pyjwt_takes_our_tokens,
    we_take_tokens_of_pyjwt,
    pyjwt_sees_through_an_altered_token_of_ours,
    we_refuse_what_a_forger_makes_with_pyjwt,
])
