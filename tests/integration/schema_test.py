"""Our schemas, held against a JSON Schema validator that is not ours: what our reader takes it must
take, and what our reader refuses it must refuse."""

import json
import subprocess
import sys
from collections import Counter
from decimal import Decimal, getcontext

import tap

tap.need("jsonschema", "rfc3339_validator")  # without the second, "date-time" is not checked

from jsonschema import Draft202012Validator, FormatChecker, validators  # noqa: E402

getcontext().prec = 1000


def read(text):
    """Numbers are decimals, as they are written: then 19.99 is a multiple of 0.01."""
    return json.loads(text, parse_float=Decimal)


def is_integer(_checker, value):
    if isinstance(value, Decimal):
        return value == value.to_integral()
    return isinstance(value, int) and not isinstance(value, bool)


Exact = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer))

# One JSON object a line: a schema, or a text, whose schema it is and whether our reader takes it.
OUTPUT = subprocess.run([sys.argv[1]], check=True, capture_output=True, timeout=120).stdout.decode()
LINES = [read(line) for line in OUTPUT.split("\n") if line]
SCHEMAS = {line["schema"]: line["is"] for line in LINES if "schema" in line}
ASYNCAPI = SCHEMAS.pop("asyncapi")


def check_schema(schema):
    Draft202012Validator.check_schema(json.loads(json.dumps(schema, default=float)))


def check_cases(name, least_taken, least_refused):
    validator = Exact(SCHEMAS[name], format_checker=FormatChecker())
    cases = [line for line in LINES if line.get("of") == name]
    taken = sum(case["ok"] for case in cases)
    wrong = []
    for case in cases:
        found = next(validator.iter_errors(read(case["text"])), None)
        if (found is None) != case["ok"]:
            wrong.append(f"{case['text']}\n    we: {case['why'] or 'taken'}"
                         f"\n    validator: {found.message if found else 'taken'}")
    assert not wrong, "\n".join(["they differ:", *wrong[:20]])
    assert taken >= least_taken and len(cases) - taken >= least_refused, (taken, len(cases))


def all_are_schemas_of_draft_2020_12():
    assert set(SCHEMAS) == {
        "request", "answer", "ORDER_CREATED", "PAYMENT_COMPLETED", "PAYMENT_FAILED"}
    for schema in SCHEMAS.values():
        check_schema(schema)


def each_field_with_each_value_is_taken_or_refused_by_both():
    check_cases("request", 240, 2500)


def what_callers_get_is_what_they_were_told():
    check_cases("answer", 240, 0)


def each_event_is_taken_or_refused_by_both():
    check_cases("ORDER_CREATED", 20, 45)
    check_cases("PAYMENT_COMPLETED", 1, 60)
    check_cases("PAYMENT_FAILED", 3, 60)


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        node = list(node.values())
    for below in node if isinstance(node, list) else ():
        yield from references(below)


def the_asyncapi_document_names_each_topic_and_its_events():
    for reference in references(ASYNCAPI):
        node = ASYNCAPI
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
    assert ASYNCAPI["asyncapi"] == "3.0.0" and ASYNCAPI["info"]["version"]
    assert {name: set(channel["messages"]) for name, channel in ASYNCAPI["channels"].items()} == {
        "order-events": {"ORDER_CREATED"},
        "payment-events": {"PAYMENT_COMPLETED", "PAYMENT_FAILED"}}
    actions = Counter(operation["action"] for operation in ASYNCAPI["operations"].values())
    assert actions == {"send": 2, "receive": 2}
    for message in ASYNCAPI["components"]["messages"].values():
        check_schema(message["payload"])


tap.run([
    all_are_schemas_of_draft_2020_12,
    each_field_with_each_value_is_taken_or_refused_by_both,
    what_callers_get_is_what_they_were_told,
    each_event_is_taken_or_refused_by_both,
    the_asyncapi_document_names_each_topic_and_its_events,
])
