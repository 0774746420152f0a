#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/graphql_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A body as it is when it looks like one; else a document, run with a few variables. */
static int make_body(ecom_str in, ecom_buf *body)
{
    if (in.n > 1 && in.p[0] == '{' && in.p[1] == '"')
        return ecom_buf_append(body, in);
    if (ecom_buf_append(body, ecom_str_of("{\"query\":")) < 0 || ecom_json_write_str(body, in) < 0)
        return ECOM_E_NOMEM;
    return ecom_buf_append(body, ecom_str_of(",\"variables\":{\"a\":1,\"b\":\"x\",\"c\":[1,null],"
                                             "\"d\":{\"w\":1},\"e\":true,\"f\":null}}"));
}

/* Every answer is JSON with either `errors` alone or `data`, as the outcome says. */
static void check_answer(ecom_str answer, ecom_graphql_outcome outcome)
{
    const ecom_json_limits wide = {sizeof(wide), 64 << 20, 512, 100000, 4 << 20};
    ecom_arena *arena = ecom_arena_new((size_t)1 << 30);
    const ecom_json *json = NULL;
    ecom_error e;

    if (ecom_json_parse(answer, &wide, arena, &json, &e) < 0)
        abort();
    if ((outcome == ECOM_GRAPHQL_EXECUTED) != (ecom_json_get(json, "data") != NULL) ||
        (outcome != ECOM_GRAPHQL_EXECUTED && !ecom_json_get(json, "errors")))
        abort();
    ecom_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static ecom_graphql *g;
    ecom_arena *arena = ecom_arena_new(0);
    ecom_graphql_outcome outcome;
    ecom_buf body = {0}, out = {0};
    ecom_error e;

    if (!g && !(g = world_open_incremental()))
        abort();
    if (make_body((ecom_str){(const char *)data, n}, &body) < 0)
        abort();
    if (ecom_graphql_handle(g, ecom_buf_str(&body), NULL, arena, &out, &outcome, &e) == ECOM_OK)
        check_answer(ecom_buf_str(&out), outcome);
    ecom_buf_free(&body);
    ecom_buf_free(&out);
    ecom_arena_free(arena);
    return 0;
}
