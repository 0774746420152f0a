"""Our reader of JSON against Python's: texts made from a seed, right, damaged and made up of parts.
What both say is JSON must read as the same; what one refuses, the other must refuse."""

import json
import random
import subprocess
import sys

import tap

TEXTS = 40000
SEEDS = [
    b'{"a":1,"b":[true,false,null,"x\\u00e9\\n",1.5e3,-0.1],"c":{"d":"","e":[[],{}]}}', b"[1,2,3]",
    b'"a\\ud83d\\ude00b\\u0000"', b" 12 ", b'{"k":"\xc3\xa9","k2":{"k":1}}', b'[{"a":1},{"a":2}]',
    b"-1.50E+10", b'{"":0," ":1}', b"null", b'[[[["deep"]]]]', b"[18446744073709551615]"]
PARTS = [
    b"{", b"}", b"[", b"]", b",", b":", b'"a"', b'"', b"1", b"-", b".", b"e", b"0", b"true",
    b"null", b" ", b'"b":2', b'"c"', b"\n", b"\\", b"\\u", b"\\ud800", b"\\udc00", b"'", b"/",
    b"//", b"/*", b"\0", b"\xff", b"\xc3", b"\xc3\xa9", b"NaN", b"\x1f", b"\x7f",
    b"\xe2\x80\xa8", b"00", b"1e5", b"+", b"9" * 19, b"\t", b"\r", b"\v", b"Infinity", b"nul"]
COMMON = 18  # the parts that texts of parts are made of


class Refused(Exception):
    """What Python takes and we have decided against."""


def members(pairs):
    if len({name for name, _ in pairs}) < len(pairs) or any("\0" in name for name, _ in pairs):
        raise Refused
    return dict(pairs)


def refuse(_word):
    raise Refused


def integer(text):
    if not -2**63 <= int(text) < 2**64:
        raise Refused
    return ("number", text)


def read(text):
    """Numbers as they are written; None for what is not JSON."""
    try:
        text = text.decode()
        if text.startswith("\ufeff"):
            return None
        value = json.loads(
            text, object_pairs_hook=members, parse_constant=refuse, parse_int=integer,
            parse_float=lambda number: ("number", number))
        json.dumps(value, ensure_ascii=False).encode()  # fails on a lone surrogate
        return [value]
    except (ValueError, Refused):
        return None


def damage(chance, text):
    for _ in range(chance.randint(1, 3)):
        at = chance.randint(0, len(text))
        cut = chance.choice([0, 0, 1, 2, 3])
        put = chance.choice([b"", chance.choice(PARTS), bytes([chance.randrange(256)])])
        text = text[:at] + put + text[at + cut:]
    return text


def texts(chance):
    for _ in range(TEXTS):
        if chance.random() < 0.6:
            yield damage(chance, chance.choice(SEEDS))
        else:
            yield b"".join(chance.choices(PARTS[:COMMON], k=chance.randint(1, 9)))


def ask(asked):
    sent = b"".join(b"%d\n%s" % (len(text), text) for text in asked)
    got = subprocess.run([sys.argv[1]], input=sent, check=True, capture_output=True,
                         timeout=120).stdout
    at = 0
    for _ in asked:
        line = got.index(b"\n", at)
        n, at = int(got[at:line]), line + 1
        yield None if n < 0 else got[at:at + n]
        at += max(n, 0)


def both_read_the_same_or_refuse():
    asked = list(texts(random.Random(1)))
    taken = 0
    for text, again in zip(asked, ask(asked)):
        theirs = read(text)
        assert (again is None) == (theirs is None), f"{text}: we {again}, they {theirs}"
        if again is not None:
            taken += 1
            assert read(again) == theirs, f"{text} became {again}"
    assert taken > TEXTS / 30, taken


tap.run([both_read_the_same_or_refuse])
