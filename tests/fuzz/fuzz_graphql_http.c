#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/graphql_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static ecom_str line(ecom_str *rest)
{
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    ecom_str s = {rest->p, end ? (size_t)(end - rest->p) : rest->n};

    rest->p = end ? end + 1 : NULL;
    rest->n = end ? rest->n - s.n - 1 : 0;
    return s;
}

static void check_json(ecom_str text)
{
    const ecom_json_limits wide = {sizeof(wide), 64 << 20, 512, 100000, 4 << 20};
    ecom_arena *arena = ecom_arena_new((size_t)1 << 30);
    const ecom_json *json;
    ecom_error e;

    if (ecom_json_parse(text, &wide, arena, &json, &e) < 0)
        abort();
    ecom_arena_free(arena);
}

/* Each part is JSON, and there is an end to them. */
static void check_parts(ecom_graphql_rest *rest)
{
    ecom_buf out = {0};

    while (ecom_graphql_rest_next(rest, &out, NULL) == ECOM_OK) {
        check_json(ecom_buf_str(&out));
        out.n = 0;
    }
    if (!ecom_graphql_rest_is_over(rest))
        abort();
    ecom_buf_free(&out);
    ecom_graphql_rest_free(rest);
}

/* Every answer has a status, a type and a body of JSON, or of parts. */
static void check_answer(const ecom_graphql_http_answer *answer, ecom_str body)
{
    if (answer->status < 200 || answer->status > 422 || !answer->content_type ||
        (answer->status == 405) != (answer->allow != NULL))
        abort();
    if (answer->rest)
        check_parts(answer->rest);
    else
        check_json(body);
}

/* A line each: method, accept, content-type, query; then the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static ecom_graphql *g;
    ecom_str rest = {(const char *)data, n};
    ecom_arena *arena = ecom_arena_new(0);
    ecom_graphql_http http = {.size = sizeof(http), .max_batch = 3, .parts = 1};
    ecom_graphql_http_answer answer;
    ecom_buf out = {0};
    ecom_error e;

    if (!arena || (!g && !(g = world_open_incremental())))
        abort();
    http.method = line(&rest);
    http.accept = line(&rest);
    http.content_type = line(&rest);
    http.query = line(&rest);
    http.body = rest;
    if (ecom_graphql_handle_http(g, &http, NULL, arena, &out, &answer, &e) == ECOM_OK)
        check_answer(&answer, ecom_buf_str(&out));
    ecom_buf_free(&out);
    ecom_arena_free(arena);
    return 0;
}
