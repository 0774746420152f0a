/* What a server is made of: which options and routes are taken, and the document that tells them.
 */
#include "check.h"
#include "ecom/http.h"
#include "ecom/shop.h"

static int nothing(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)x, (void)err;
    return ECOM_OK;
}

static const ecom_route routes[] = {
    {.method = "GET", .pattern = "/things", .handle = nothing},
    {.method = "GET", .pattern = "/things/{id}", .handle = nothing},
};

static void options_and_routes_that_cannot_work_are_refused(void)
{
    static const ecom_route bad[][2] = {
        {{.method = "GET", .pattern = "x", .handle = nothing}},
        {{.method = "GET", .pattern = NULL, .handle = nothing}},
        {{.method = "G T", .pattern = "/", .handle = nothing}},
        {{.method = "get", .pattern = "/", .handle = nothing}},
        {{.method = "GET", .pattern = "/", .handle = NULL}},
        {{.method = "GET", .pattern = "/{}", .handle = nothing}},
        {{.method = "GET", .pattern = "/{a", .handle = nothing}},
        {{.method = "GET", .pattern = "/{a}/{a}", .handle = nothing}},
        {{.method = "GET", .pattern = "/\"", .handle = nothing}},
        {{.method = "GET", .pattern = "/", .handle = nothing, .status = 600}},
        {{.method = "GET", .pattern = "/", .handle = nothing, .flags = ECOM_ROUTE_AUTH}},
        {{.method = "GET", .pattern = "/{a}", .handle = nothing},
         {.method = "GET", .pattern = "/{b}", .handle = nothing}},
        {{.method = "GET", .pattern = "/{a}", .handle = nothing},
         {.method = "PUT", .pattern = "/{b}", .handle = nothing}},
    };
    ecom_http_server *server = NULL;
    ecom_error e;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ecom_http_options opts = {
            .size = sizeof(opts), .routes = bad[i], .nroutes = bad[i][1].method ? 2 : 1};
        CHECK(ecom_http_server_new(&opts, &server, &e) == ECOM_E_INVAL, "case %zu", i);
        CHECK(e.text[0], "case %zu has no text", i);
    }
    ecom_http_options opts = {.size = sizeof(opts), .port = 65536};
    CHECK_CODE(ECOM_E_INVAL, ecom_http_server_new(&opts, &server, &e), e);
    opts = (ecom_http_options){.size = sizeof(opts), .idle_timeout_ms = -1};
    CHECK_CODE(ECOM_E_INVAL, ecom_http_server_new(&opts, &server, &e), e);
    opts = (ecom_http_options){.size = sizeof(opts), .host = "256.1.1.1"};
    CHECK_CODE(ECOM_OK, ecom_http_server_new(&opts, &server, &e), e);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_http_server_start(server, &e), e);
    ecom_http_server_free(server);
    ecom_http_server_stop(NULL, 0);
    ecom_http_server_free(NULL);
}

/* With only so much memory, it is there whole or not at all. */
static void a_server_that_runs_out_of_memory_while_made_leaks_nothing(void)
{
    ecom_http_server *server = NULL;
    ecom_error e;

    for (uint64_t n = 1;; n++) {
        ecom_http_options opts = {.size = sizeof(opts),
                                  .host = "127.0.0.1",
                                  .routes = routes,
                                  .nroutes = 2,
                                  .threads = 1};
        check_alloc_fail_at(n);
        int r = ecom_http_server_new(&opts, &server, &e);
        if (r == ECOM_OK) {
            r = ecom_http_server_start(server, &e);
            ecom_http_server_free(server);
        }
        int failed = check_alloc_failed();
        check_alloc_fail_at(0);
        if (!failed)
            break;
        CHECK(r == ECOM_E_NOMEM || r == ECOM_E_UNAVAILABLE || r == ECOM_OK, "%d: %s", r, e.text);
        CHECK(n < 1000, "no end of allocations");
    }
}

static void an_openapi_document_has_at_most_256_records(void)
{
    static const ecom_field fields[] = {{.name = "id", .type = ECOM_TYPE_INT}};
    static ecom_record records[257];
    static ecom_route many[257];
    static char names[257][8], patterns[257][8];
    ecom_http_options opts = {.size = sizeof(opts), .name = "x", .version = "1", .routes = many};
    ecom_buf out = {0};

    for (int i = 0; i < 257; i++) {
        snprintf(names[i], sizeof(names[i]), "R%d", i);
        snprintf(patterns[i], sizeof(patterns[i]), "/r%d", i);
        records[i] = (ecom_record){names[i], sizeof(int64_t), fields, 1, NULL};
        many[i] = (ecom_route){
            .method = "GET", .pattern = patterns[i], .handle = nothing, .response = &records[i]};
    }
    opts.nroutes = 257;
    CHECK_I64(ECOM_E_TOOLARGE, ecom_http_openapi(&opts, &out));
    CHECK_U64(0, out.n);
    opts.nroutes = 256;
    CHECK_I64(ECOM_OK, ecom_http_openapi(&opts, &out));
    ecom_buf_free(&out);
}

static void an_operation_has_a_name_of_its_own_and_keys_their_limit(void)
{
    ecom_route twice[] = {
        {.method = "GET", .pattern = "/a", .handle = nothing, .operation = "getIt"},
        {.method = "GET", .pattern = "/b", .handle = nothing, .operation = "getIt"}};
    const ecom_http_options opts = {.size = sizeof(opts), .routes = twice, .nroutes = 2};
    static const char *const bad[] = {"", "1a", "_a", "a b", "a-b", "\xc3\xa4"};
    ecom_http_server *server = NULL;
    char most[32];
    ecom_buf out = {0};
    ecom_error e;

    CHECK_CODE(ECOM_E_INVAL, ecom_http_server_new(&opts, &server, &e), e);
    CHECK_TEXT("GET /b: operation getIt is GET /a already", e);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        twice[1].operation = bad[i];
        CHECK_CODE(ECOM_E_INVAL, ecom_http_server_new(&opts, &server, &e), e);
        CHECK_TEXT("is not an identifier", e);
    }
    twice[1].operation = "getB_2";
    twice[1].openapi = "[]";
    CHECK_I64(ECOM_E_INVAL, ecom_http_openapi(&opts, &out));
    twice[1].openapi = "{";
    CHECK_I64(ECOM_E_INVAL, ecom_http_openapi(&opts, &out));
    twice[1].openapi = "{}";
    twice[0].flags = ECOM_ROUTE_IDEMPOTENT;
    CHECK_I64(ECOM_OK, ecom_http_openapi(&opts, &out));
    snprintf(most, sizeof(most), "\"maxLength\":%d,", ECOM_KEY_MAX);
    CHECK(strstr(out.p, most), "no %s in: %s", most, out.p);
    ecom_buf_free(&out);
}

static const struct check_case cases[] = {
    CASE(options_and_routes_that_cannot_work_are_refused),
    CASE(a_server_that_runs_out_of_memory_while_made_leaks_nothing),
    CASE(an_openapi_document_has_at_most_256_records),
    CASE(an_operation_has_a_name_of_its_own_and_keys_their_limit),
};

CHECK_MAIN("http-routes", cases)
