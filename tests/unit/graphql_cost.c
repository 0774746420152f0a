/* What an operation may cost, known before it runs. */
#include <stdlib.h>

#include "check.h"
#include "graphql_world.h"

static const char sdl[] =
    "type Query { shop: Shop shops(first: Int): [Shop] items(first: Int = 3, last: "
    "Int): Items tags: [String] name: String }"
    "type Shop { name: String items(first: Int): Items near: [Shop] }"
    "type Items { nodes: [Item] edges: [Edge!]! total: Int }"
    "type Edge { node: Item cursor: String }"
    "type Item { name: String shop: Shop }";

static int calls;

static int nothing(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)call, (void)user, (void)err;
    calls++;
    return ECOM_OK;
}

static const ecom_graphql_resolver all = {"*", "*", nothing, NULL};

static ecom_graphql *open_shop(uint32_t max_cost, uint32_t list_size)
{
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_graphql *g = NULL;

    options.sdl = ecom_str_of(sdl);
    options.resolvers = &all;
    options.nresolvers = 1;
    options.limits.max_cost = max_cost;
    options.limits.list_size = list_size;
    return ecom_graphql_new(&options, &g, NULL, NULL) == ECOM_OK ? g : NULL;
}

/* -1: it was refused. */
static long cost_of(ecom_graphql *g, const char *query, const char *variables)
{
    ecom_buf body = {0};

    (void)!ecom_buf_printf(&body,
                           "{\"query\":\"%s\",\"variables\":%s,\"extensions\":{\"cost\":true}}",
                           query, variables);
    ecom_buf out = world_ask(g, body.p, NULL, NULL);
    const char *found = out.p ? strstr(out.p, "\"requested\":") : NULL;
    long cost = found ? strtol(found + 12, NULL, 10) : -1;
    ecom_buf_free(&body);
    ecom_buf_free(&out);
    return cost;
}

static void fields_count_once_for_each_item_around_them(void)
{
    static const struct {
        const char *query, *variables;
        long want;
    } table[] = {
        {"{ name }", "{}", 1},
        {"{ __typename }", "{}", 1},
        {"{ a: name b: name tags }", "{}", 3},
        {"{ shop { name } }", "{}", 2},
        {"{ shops(first: 20) { name } }", "{}", 21},
        {"{ shops { name } }", "{}", 6},
        {"{ shops(first: null) { name } }", "{}", 6},
        {"{ shops(first: 0) { name } }", "{}", 1},
        {"{ shops(first: -7) { name } }", "{}", 1},
        {"query($n: Int) { shops(first: $n) { name } }", "{\"n\":7}", 8},
        {"query($n: Int) { shops(first: $n) { name } }", "{}", 6},
        {"query($n: Int = 4) { shops(first: $n) { name } }", "{}", 5},
        {"{ items { nodes { name } } }", "{}", 5},
        {"{ items(last: 9) { nodes { name } } }", "{}", 11},
        {"{ items(first: 100) { nodes { name } total } }", "{}", 103},
        {"{ items(first: 10) { edges { cursor node { name } } } }", "{}", 32},
        {"{ shops(first: 10) { items(first: 10) { nodes { name } } } }", "{}", 121},
        {"{ shops(first: 10) { near { name } } }", "{}", 61},
        {"{ ...F } fragment F on Query { shops(first: 2) { ...G ...G } } "
         "fragment G on Shop { name items(first: 3) { ... { nodes { name } } } }",
         "{}", 25},
    };
    ecom_graphql *g = open_shop(0, 5);

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        long got = cost_of(g, table[i].query, table[i].variables);
        CHECK(got == table[i].want, "%s with %s: want %ld, got %ld", table[i].query,
              table[i].variables, table[i].want, got);
    }
    ecom_graphql_free(g);
}

static void one_above_the_limit_nothing_runs(void)
{
    ecom_graphql *g = open_shop(21, 0);

    calls = 0;
    CHECK_I64(21, cost_of(g, "{ shops(first: 20) { name } }", "{}"));
    CHECK_I64(1, calls);
    ecom_graphql_outcome outcome;
    ecom_buf out = world_ask(g, "{\"query\":\"{ shops(first: 21) { name } }\"}", NULL, &outcome);
    CHECK_I64(ECOM_GRAPHQL_EXCEEDED, outcome);
    CHECK_STR(
        "{\"errors\":[{\"message\":\"The operation may cost 22, more than 21 (max_cost): each "
        "field is one, and counts once for every item of the lists around it.\",\"locations\":"
        "[{\"line\":1,\"column\":1}],\"extensions\":{\"code\":\"TOO_LARGE\"}}]}",
        ecom_buf_str(&out));
    CHECK_I64(1, calls);
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static void costs_beyond_all_numbers_are_just_too_high(void)
{
    ecom_graphql *g = open_shop(0, 0);

    CHECK_I64(-1,
              cost_of(g,
                      "{ shops(first: 2147483647) { near { near { items(first: 2147483647) { "
                      "nodes { shop { items(first: 2147483647) { edges { cursor } } } } } } } } }",
                      "{}"));
    ecom_graphql_free(g);
}

static void cost_is_told_on_request_only(void)
{
    ecom_graphql *g = open_shop(0, 0);
    ecom_buf out = world_ask(g, "{\"query\":\"{ name }\",\"extensions\":{\"cost\":1}}", NULL, NULL);

    CHECK_STR("{\"data\":{\"name\":null}}", ecom_buf_str(&out));
    ecom_buf_free(&out);
    out = world_ask(g, "{\"query\":\"{ name }\",\"extensions\":{\"cost\":true}}", NULL, NULL);
    CHECK_STR(
        "{\"data\":{\"name\":null},\"extensions\":{\"cost\":{\"requested\":1,\"max\":100000}}}",
        ecom_buf_str(&out));
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static const struct check_case cases[] = {
    CASE(fields_count_once_for_each_item_around_them),
    CASE(one_above_the_limit_nothing_runs),
    CASE(costs_beyond_all_numbers_are_just_too_high),
    CASE(cost_is_told_on_request_only),
};

CHECK_MAIN("graphql-cost", cases)
