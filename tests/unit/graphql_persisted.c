/* Documents that requests name by their SHA-256. */
#include "check.h"
#include "graphql/engine.h"
#include "graphql_world.h"

#include <string.h>

#define HELLO "{ hello }"
#define HELLO_SHA "001c3174e099bd72b729d0c0a529ba9f5a740c446e2a6e1d71b283cb84ec3065"
#define A_HELLO "{ a: hello }"
#define A_HELLO_SHA "42d7f60ff35a07396d2c0546aad2026d150ac296ff8b553d7d502e484d47268f"
#define BY(sha) "\"extensions\":{\"persistedQuery\":{\"version\":1,\"sha256Hash\":\"" sha "\"}}"
#define ANSWER "{\"data\":{\"hello\":"

static ecom_graphql *open_world(ecom_graphql_persisted persisted, const ecom_str *trusted, size_t n)
{
    ecom_graphql_options options = world_options();
    ecom_graphql *g = NULL;
    ecom_error e;

    options.persisted = persisted;
    options.trusted = trusted;
    options.ntrusted = n;
    return ecom_graphql_new(&options, &g, NULL, &e) < 0 ? NULL : g;
}

static void ask(ecom_graphql *g, const char *body, const char *want, ecom_graphql_outcome became)
{
    ecom_graphql_outcome outcome = ECOM_GRAPHQL_EXECUTED;
    CHECK(g, "no schema");
    ecom_buf got = world_ask(g, body, NULL, &outcome);

    CHECK(got.p && strstr(got.p, want), "%s\n#   want %s\n#   got  %s", body, want, got.p);
    CHECK_I64(became, outcome);
    ecom_buf_free(&got);
}

static void a_client_teaches_a_document_once(void)
{
    ecom_graphql *g = open_world(ECOM_GRAPHQL_PERSISTED_AUTOMATIC, NULL, 0);

    ask(g, "{" BY(HELLO_SHA) "}", "PERSISTED_QUERY_NOT_FOUND", ECOM_GRAPHQL_REFUSED);
    ask(g, "{\"query\":\"" HELLO "\"," BY(HELLO_SHA) "}", ANSWER, ECOM_GRAPHQL_EXECUTED);
    ask(g, "{" BY(HELLO_SHA) "}", ANSWER, ECOM_GRAPHQL_EXECUTED);
    ask(g, "{\"documentId\":\"sha256:" HELLO_SHA "\"}", ANSWER, ECOM_GRAPHQL_EXECUTED);
    ask(g, "{\"query\":\"" HELLO "\"," BY(HELLO_SHA) "}", ANSWER, ECOM_GRAPHQL_EXECUTED);
    ask(g, "{\"query\":\"" A_HELLO "\"," BY(HELLO_SHA) "}", "HASH_MISMATCH",
        ECOM_GRAPHQL_MALFORMED);
    ask(g, "{" BY(A_HELLO_SHA) "}", "PERSISTED_QUERY_NOT_FOUND", ECOM_GRAPHQL_REFUSED);
    ecom_graphql_free(g);
}

static void what_is_no_hash_is_told(void)
{
    ecom_graphql *g = open_world(ECOM_GRAPHQL_PERSISTED_AUTOMATIC, NULL, 0);

    ask(g, "{" BY("") "}", "sha256Hash", ECOM_GRAPHQL_MALFORMED);
    ask(g, "{" BY(HELLO_SHA "00") "}", "sha256Hash", ECOM_GRAPHQL_MALFORMED);
    ask(g, "{" BY("zz") "}", "sha256Hash", ECOM_GRAPHQL_MALFORMED);
    ask(g, "{\"extensions\":{\"persistedQuery\":7}}", "sha256Hash", ECOM_GRAPHQL_MALFORMED);
    ask(g, "{\"documentId\":\"md5:" HELLO_SHA "\"}", "documentId", ECOM_GRAPHQL_MALFORMED);
    ask(g, "{\"documentId\":\"sha\"}", "documentId", ECOM_GRAPHQL_MALFORMED);
    ask(g, "{\"documentId\":7}", "documentId", ECOM_GRAPHQL_MALFORMED);
    ask(g, "{\"extensions\":{\"persistedQuery\":null}}", "Must provide query string.",
        ECOM_GRAPHQL_MALFORMED);
    ecom_graphql_free(g);
}

static void names_go_with_their_documents(void)
{
    ecom_graphql_options options = world_options();
    ecom_graphql *g;
    ecom_error e;

    options.persisted = ECOM_GRAPHQL_PERSISTED_AUTOMATIC;
    options.max_documents = 1;
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    ask(g, "{\"query\":\"" HELLO "\"," BY(HELLO_SHA) "}", ANSWER, ECOM_GRAPHQL_EXECUTED);
    ask(g, "{\"query\":\"" A_HELLO "\"," BY(A_HELLO_SHA) "}", "\"a\":", ECOM_GRAPHQL_EXECUTED);
    ask(g, "{" BY(HELLO_SHA) "}", "PERSISTED_QUERY_NOT_FOUND", ECOM_GRAPHQL_REFUSED);
    ask(g, "{" BY(A_HELLO_SHA) "}", "\"a\":", ECOM_GRAPHQL_EXECUTED);
    ecom_graphql_free(g);
}

static void switched_off_it_is_not_supported(void)
{
    ecom_graphql *g = open_world(ECOM_GRAPHQL_PERSISTED_OFF, NULL, 0);

    ask(g, "{\"query\":\"" HELLO "\"," BY(HELLO_SHA) "}", ANSWER, ECOM_GRAPHQL_EXECUTED);
    ask(g, "{" BY(HELLO_SHA) "}", "PERSISTED_QUERY_NOT_SUPPORTED", ECOM_GRAPHQL_REFUSED);
    ecom_graphql_free(g);
}

static void only_trusted_documents_run(void)
{
    const ecom_str trusted[] = {ecom_str_of("query A { a: hello }"), ecom_str_of(HELLO)};
    ecom_graphql *g = open_world(ECOM_GRAPHQL_PERSISTED_TRUSTED, trusted, 2);

    ask(g, "{" BY(HELLO_SHA) "}", ANSWER, ECOM_GRAPHQL_EXECUTED);
    ask(g, "{\"query\":\"" HELLO "\"}", ANSWER, ECOM_GRAPHQL_EXECUTED);
    ask(g, "{\"query\":\"query A { a: hello }\"}", "\"a\":", ECOM_GRAPHQL_EXECUTED);
    ask(g, "{\"query\":\"" A_HELLO "\"}", "DOCUMENT_NOT_TRUSTED", ECOM_GRAPHQL_REFUSED);
    ask(g, "{\"query\":\"" A_HELLO "\"," BY(A_HELLO_SHA) "}", "DOCUMENT_NOT_TRUSTED",
        ECOM_GRAPHQL_REFUSED);
    ask(g, "{\"query\":\"\"}", "DOCUMENT_NOT_TRUSTED", ECOM_GRAPHQL_REFUSED);
    ecom_graphql_free(g);
}

static void a_trusted_document_must_be_valid(void)
{
    const ecom_str trusted[] = {ecom_str_of(HELLO), ecom_str_of("{ nope }")};
    ecom_graphql_options options = world_options();
    ecom_graphql *g;
    ecom_error e;

    options.persisted = ECOM_GRAPHQL_PERSISTED_TRUSTED;
    options.trusted = trusted;
    options.ntrusted = 2;
    CHECK_CODE(ECOM_E_INVAL, ecom_graphql_new(&options, &g, NULL, &e), e);
    CHECK_TEXT("trusted document 2: Cannot query field", e);
}

static const struct check_case cases[] = {
    CASE(a_client_teaches_a_document_once), CASE(what_is_no_hash_is_told),
    CASE(names_go_with_their_documents),    CASE(switched_off_it_is_not_supported),
    CASE(only_trusted_documents_run),       CASE(a_trusted_document_must_be_valid),
};

CHECK_MAIN("graphql-persisted", cases)
