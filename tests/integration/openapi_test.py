"""Our OpenAPI documents, held against a validator that is not ours."""

import json
import re
import subprocess
import sys

import tap

tap.need("openapi_spec_validator")

from openapi_spec_validator import OpenAPIV31SpecValidator, validate  # noqa: E402


def document(*args):
    out = subprocess.run([sys.argv[1], *args], check=True, capture_output=True, timeout=120).stdout
    return json.loads(out)


DOCUMENT = document()


def the_document_is_valid_openapi_3_1():
    validate(DOCUMENT, cls=OpenAPIV31SpecValidator)
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert DOCUMENT["info"] == {"title": "basket-service", "version": "1.2.3"}


def a_service_without_routes_has_a_valid_document_too():
    validate(document("none"), cls=OpenAPIV31SpecValidator)


def a_wrong_document_is_noticed():
    wrong = json.loads(json.dumps(DOCUMENT))
    del wrong["paths"]["/baskets/{id}"]["patch"]["parameters"]
    try:
        validate(wrong, cls=OpenAPIV31SpecValidator)
    except Exception:
        return
    raise AssertionError("a path parameter is missing, and nobody says so")


def every_public_route_is_there_and_no_other():
    found = {(method, path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert found == {
        ("post", "/baskets"), ("get", "/baskets"), ("get", "/baskets/{id}/lines/{sku}"),
        ("patch", "/baskets/{id}"), ("get", "/"), ("post", "/log-in"), ("post", "/log/in"),
        ("put", "/blob"), ("get", "/healthz"), ("get", "/readyz"), ("get", "/openapi.json")}, found


def every_operation_has_a_name_that_programs_can_use():
    ids = {(method, path): operation["operationId"] for path, item in DOCUMENT["paths"].items()
           for method, operation in item.items()}
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) for name in ids.values()), ids
    assert len(set(ids.values())) == len(ids), ids
    assert ids[("post", "/baskets")] == "openBasket"
    assert ids[("get", "/baskets/{id}/lines/{sku}")] == "getBasketsByIdLinesBySku"
    assert {ids[("post", "/log-in")], ids[("post", "/log/in")]} == {"postLogIn", "postLogIn_2"}


def what_no_record_says_comes_from_the_route_itself():
    put = DOCUMENT["paths"]["/blob"]["put"]
    assert put == {"operationId": "putBlob", "requestBody": {"content": {"image/png": {}}},
                   "responses": {"204": {"description": "Kept"}}}, put
    ready = DOCUMENT["paths"]["/readyz"]["get"]["responses"]
    assert set(ready) == {"200", "503"} and "Retry-After" in ready["503"]["headers"]


def failures_are_named_with_their_headers():
    def responses(method, path):
        return {status: response.get("$ref", "").rpartition("/")[2] for status, response
                in DOCUMENT["paths"][path][method]["responses"].items()}
    assert responses("post", "/baskets") == {
        "201": "", "401": "Unauthenticated", "409": "Conflict", "422": "KeyReused",
        "503": "Unavailable", "default": ""}
    assert responses("post", "/log-in") == {
        "200": "", "429": "TooManyRequests", "503": "Unavailable", "default": ""}
    parts = DOCUMENT["components"]["responses"]
    assert "Retry-After" in parts["TooManyRequests"]["headers"]
    assert "Retry-After" in parts["Unavailable"]["headers"]
    assert "WWW-Authenticate" in parts["Unauthenticated"]["headers"]
    assert "code" in DOCUMENT["components"]["schemas"]["Problem"]["required"]


def bodies_and_answers_have_schemas_of_their_own():
    post = DOCUMENT["paths"]["/baskets"]["post"]
    schemas = DOCUMENT["components"]["schemas"]
    body = post["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    answer = post["responses"]["201"]["content"]["application/json"]["schema"]["$ref"]
    assert (body, answer) == ("#/components/schemas/BasketInput", "#/components/schemas/Basket")
    assert set(schemas) == {"Problem", "Basket", "BasketInput", "Line", "LineInput"}, set(schemas)
    assert "id" in schemas["Basket"]["properties"]
    assert "id" not in schemas["BasketInput"]["properties"]
    assert not any("secret" in schema["properties"] for name, schema in schemas.items()
                   if name == "Basket")
    assert "application/problem+json" in post["responses"]["default"]["content"]


def parameters_and_security_are_said():
    post, get = DOCUMENT["paths"]["/baskets"]["post"], DOCUMENT["paths"]["/baskets"]["get"]
    assert post["security"] == [{"bearer": []}] and "security" not in get
    key, = post["parameters"]
    assert key["name"] == "Idempotency-Key"
    assert key["schema"] == {"type": "string", "minLength": 1, "maxLength": 255,
                             "pattern": "^[ -~]+$"}
    first, after = get["parameters"]
    assert (first["in"], first["name"], first["schema"]["maximum"]) == ("query", "first", 100)
    assert after["required"] and "required" not in first
    assert [p["name"] for p in
            DOCUMENT["paths"]["/baskets/{id}/lines/{sku}"]["get"]["parameters"]] == ["id", "sku"]


tap.run([
    the_document_is_valid_openapi_3_1,
    a_service_without_routes_has_a_valid_document_too,
    a_wrong_document_is_noticed,
    every_public_route_is_there_and_no_other,
    every_operation_has_a_name_that_programs_can_use,
    what_no_record_says_comes_from_the_route_itself,
    failures_are_named_with_their_headers,
    bodies_and_answers_have_schemas_of_their_own,
    parameters_and_security_are_said,
])
