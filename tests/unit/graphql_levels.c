/* Resolvers that only begin: all of a level are under way before one is waited for. And what a
 * request allocates. */
#include <stdlib.h>

#include "check.h"
#include "graphql_world.h"

static const char sdl[] =
    "type Query { a: Int b(times: Int): Int fails: Int some: [Thing] any: Named }"
    "type Mutation { a: Int b(times: Int): Int }"
    "interface Named { name: String } "
    "type Thing implements Named { name: String one: Int two: Int }";

/* What happened, in words. */
struct story {
    ecom_buf text;
    int late; /* finish fails */
};

static void tell(struct story *story, const char *what, const char *field)
{
    (void)!ecom_buf_printf(&story->text, "%s%s%s%s", story->text.n ? ", " : "", what,
                           field ? " " : "", field ? field : "");
}

static int finish(ecom_graphql_call *call, void *user, ecom_error *err)
{
    int64_t left = (intptr_t)call->state;

    (void)user;
    tell(call->context, "finish", call->field);
    if (left > 0) {
        call->state = (void *)(intptr_t)(left - 1);
        call->finish = finish;
        return ECOM_OK;
    }
    if (((struct story *)call->context)->late || strcmp(call->field, "fails") == 0)
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "%s is away", call->field);
    for (uint32_t i = 0; i < call->n; i++)
        ecom_graphql_set_int(&call->results[i], call->n);
    return ECOM_OK;
}

static int begin(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    tell(call->context, "begin", call->field);
    call->state = (void *)(intptr_t)(ecom_graphql_arg_int(call, "times", 1) - 1);
    call->finish = finish;
    return ECOM_OK;
}

static int finish_type(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    tell(call->context, "finish", call->field);
    for (uint32_t i = 0; i < call->n; i++)
        ecom_graphql_set_str(&call->results[i], ecom_str_of("Thing"));
    return ECOM_OK;
}

static int begin_type(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    tell(call->context, "begin", call->field);
    call->finish = finish_type;
    return ECOM_OK;
}

static int things(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    if (strcmp(call->field, "any") == 0) {
        ecom_graphql_set_object(&call->results[0], "x");
        return ECOM_OK;
    }
    if (ecom_graphql_set_list(call, &call->results[0], 3) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "things");
    for (int i = 0; i < 3; i++)
        ecom_graphql_set_object(&call->results[0].as.items[i], "x");
    return ECOM_OK;
}

static int name(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    for (uint32_t i = 0; i < call->n; i++)
        ecom_graphql_set_str(&call->results[i], ecom_str_of(call->parents[i]));
    return ECOM_OK;
}

static void waits(void *user, void *context, int64_t deadline_us)
{
    (void)user, (void)deadline_us;
    tell(context, "wait", NULL);
}

static const ecom_graphql_resolver resolvers[] = {
    {"Query", "some", things, NULL},
    {"Query", "any", things, NULL},
    {"Query", "*", begin, NULL},
    {"Mutation", "*", begin, NULL},
    {"Thing", "name", name, NULL},
    {"Thing", "*", begin, NULL},
    {"Named", "__typename", begin_type, NULL},
};

static ecom_graphql *open_levels(void)
{
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_graphql *g = NULL;

    options.sdl = ecom_str_of(sdl);
    options.resolvers = resolvers;
    options.nresolvers = sizeof(resolvers) / sizeof(resolvers[0]);
    options.wait = waits;
    return ecom_graphql_new(&options, &g, NULL, NULL) == ECOM_OK ? g : NULL;
}

static ecom_buf ask(ecom_graphql *g, const char *query, struct story *story)
{
    ecom_arena *arena = ecom_arena_new(0);
    const ecom_graphql_request request = {.size = sizeof(request), .context = story};
    ecom_graphql_document *document = NULL;
    ecom_buf out = {0};
    ecom_error err;

    if (!arena || ecom_graphql_prepare(g, ecom_str_of(query), &document, &out, &err) < 0 ||
        ecom_graphql_execute(g, document, &request, arena, &out, NULL, &err) < 0)
        ecom_buf_free(&out);
    ecom_graphql_document_unref(document);
    ecom_arena_free(arena);
    return out;
}

static void all_of_a_level_begin_before_one_is_waited_for(void)
{
    static const struct {
        const char *query, *want, *story;
    } table[] = {
        {"{ a b }", "{\"data\":{\"a\":1,\"b\":1}}", "begin a, begin b, wait, finish a, finish b"},
        {"{ a b(times: 2) }", "{\"data\":{\"a\":1,\"b\":1}}",
         "begin a, begin b, wait, finish a, finish b, wait, finish b"},
        {"{ some { one name two } a }",
         "{\"data\":{\"some\":[{\"one\":3,\"name\":\"x\",\"two\":3},{\"one\":3,\"name\":\"x\","
         "\"two\":3},"
         "{\"one\":3,\"name\":\"x\",\"two\":3}],\"a\":1}}",
         "begin a, wait, finish a, begin one, begin two, wait, finish one, finish two"},
        {"mutation { a b }", "{\"data\":{\"a\":1,\"b\":1}}",
         "begin a, wait, finish a, begin b, wait, finish b"},
        {"{ any { __typename name } }",
         "{\"data\":{\"any\":{\"__typename\":\"Thing\",\"name\":\"x\"}}}",
         "begin __typename, wait, finish __typename"},
        {"{ fails a }",
         "{\"errors\":[{\"message\":\"fails is away\",\"locations\":[{\"line\":1,\"column\":3}],"
         "\"path\":[\"fails\"],\"extensions\":{\"code\":\"UNAVAILABLE\"}}],"
         "\"data\":{\"fails\":null,\"a\":1}}",
         "begin fails, begin a, wait, finish fails, finish a"},
    };
    ecom_graphql *g = open_levels();

    CHECK(g, "no schema");
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct story story = {0};
        ecom_buf out = ask(g, table[i].query, &story);
        CHECK_STR(table[i].want, ecom_buf_str(&out));
        CHECK_STR(table[i].story, ecom_buf_str(&story.text));
        ecom_buf_free(&out);
        ecom_buf_free(&story.text);
    }
    ecom_graphql_free(g);
}

static void what_is_begun_survives_each_failed_allocation(void)
{
    ecom_graphql *g = open_levels();
    int done = 0;

    CHECK(g, "no schema");
    for (uint64_t n = 1; !done; n++) {
        struct story story = {0};
        check_alloc_fail_at(n);
        ecom_buf out = ask(g, "{ a b some { one two } }", &story);
        done = !check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(!done || out.p, "no answer");
        ecom_buf_free(&out);
        ecom_buf_free(&story.text);
        CHECK(n < 1000, "no end of allocations");
    }
    ecom_graphql_free(g);
}

/* How many allocations a request makes, in an arena of its own that is open already. */
static uint64_t allocations_of(ecom_graphql *g, const char *query, const ecom_json *variables,
                               ecom_arena *arena, ecom_buf *out)
{
    const ecom_graphql_request request = {.size = sizeof(request), .variables = variables};
    ecom_graphql_document *document;
    uint64_t n = 0;
    ecom_error err;
    int failed;

    do {
        out->n = 0;
        ecom_arena_reset(arena);
        check_alloc_fail_at(++n);
        if (ecom_graphql_prepare(g, ecom_str_of(query), &document, out, &err) == ECOM_OK) {
            (void)!ecom_graphql_execute(g, document, &request, arena, out, NULL, &err);
            ecom_graphql_document_unref(document);
        }
        failed = check_alloc_failed();
        check_alloc_fail_at(0);
    } while (failed);
    return n - 1;
}

static void a_cached_document_allocates_nothing_but_its_arena(void)
{
    static const struct {
        const char *query;
        uint64_t
            most; /* blocks of the arena behind its first 4 KiB: each is twice the one before */
    } table[] = {
        {"{ __typename }", 0},
        {"query($id: ID!) { person(id: $id) { name age } }", 0},
        {"{ people { name friends { name friends { name age tags } } } }", 2},
        {"{ __schema { types { name fields { name type { name ofType { name } } args { name } } } "
         "} }",
         9},
    };
    ecom_graphql *g = world_open();
    ecom_arena *arena = ecom_arena_new(0);
    const ecom_json id = {.kind = ECOM_JSON_STRING, .name = S("id"), .text = S("1")};
    const ecom_json variables = {.kind = ECOM_JSON_OBJECT, .first = (ecom_json *)&id, .count = 1};
    ecom_buf out = {0};

    CHECK(g && arena && ecom_buf_reserve(&out, 1 << 20) == ECOM_OK, "no world");
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        allocations_of(g, table[i].query, &variables, arena, &out); /* puts it into the cache */
        uint64_t n = allocations_of(g, table[i].query, &variables, arena, &out);
        CHECK(strncmp(out.p, "{\"data\":", 8) == 0, "%.*s", (int)out.n, out.p);
        CHECK(n <= table[i].most, "%s: %" PRIu64 " allocations, more than %" PRIu64, table[i].query,
              n, table[i].most);
    }
    ecom_buf_free(&out);
    ecom_arena_free(arena);
    ecom_graphql_free(g);
}

static const struct check_case cases[] = {
    CASE(all_of_a_level_begin_before_one_is_waited_for),
    CASE(what_is_begun_survives_each_failed_allocation),
    CASE(a_cached_document_allocates_nothing_but_its_arena),
};

CHECK_MAIN("graphql-levels", cases)
