/* Prepared documents and their cache, records and JSON as parents, threads, memory that runs out.
 */
#include "check.h"
#include "graphql/engine.h"
#include "graphql_world.h"

#include <pthread.h>

static ecom_graphql_document *prepare(ecom_graphql *g, const char *text)
{
    ecom_graphql_document *d = NULL;
    ecom_buf response = {0};
    ecom_error e;

    if (ecom_graphql_prepare(g, ecom_str_of(text), &d, &response, &e) < 0)
        d = NULL;
    ecom_buf_free(&response);
    return d;
}

static void a_document_is_prepared_once(void)
{
    ecom_graphql *g = world_open();

    CHECK(g, "no schema");
    ecom_graphql_document *a = prepare(g, "{ hello }"), *b = prepare(g, "{ hello }"),
                          *c = prepare(g, "{ hello  }");
    CHECK(a && a == b && a != c, "not the same one");
    CHECK_U64(1, g->cache.hits);
    CHECK_U64(2, g->cache.n);
    ecom_buf text = {0};
    CHECK_I64(ECOM_OK, ecom_graphql_document_print(a, &text));
    CHECK_STR("{\n  hello\n}", ecom_buf_str(&text));
    ecom_buf_free(&text);
    ecom_graphql_document_unref(a);
    ecom_graphql_document_unref(b);
    ecom_graphql_document_unref(c);
    ecom_graphql_free(g);
}

static void refused_documents_are_not_kept(void)
{
    ecom_graphql *g = world_open();

    CHECK(g, "no schema");
    CHECK(!prepare(g, "{ nope }") && !prepare(g, "{"), "taken");
    CHECK_U64(0, g->cache.n);
    ecom_graphql_free(g);
}

static void the_cache_lets_go_of_the_least_used(void)
{
    ecom_graphql_options options = world_options();
    ecom_graphql *g;
    ecom_error e;

    options.max_documents = 3;
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    static const char *const texts[] = {"{ a: hello }", "{ b: hello }", "{ c: hello }",
                                        "{ a: hello }", "{ d: hello }", "{ a: hello }",
                                        "{ b: hello }"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ecom_graphql_document_unref(prepare(g, texts[i]));
    CHECK_U64(3, g->cache.n);
    CHECK_U64(2, g->cache.hits); /* a twice; b had to go for d */
    ecom_graphql_free(g);
}

static void the_cache_keeps_its_bound_of_bytes(void)
{
    ecom_graphql_options options = world_options();
    ecom_graphql *g;
    ecom_error e;

    options.max_cache_bytes = 20000;
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    for (int i = 0; i < 200; i++) {
        char text[100];
        snprintf(text, sizeof(text), "{ a%d: hello b%d: hello c%d: hello }", i, i, i);
        ecom_graphql_document_unref(prepare(g, text));
        CHECK(g->cache.bytes <= 20000, "%zu bytes", g->cache.bytes);
    }
    CHECK(g->cache.n > 2 && g->cache.n < 50, "%u documents", g->cache.n);
    ecom_graphql_free(g);
}

static void one_cached_text_runs_each_of_its_operations(void)
{
    ecom_graphql *g = world_open();

    CHECK(g, "no schema");
    for (int round = 0; round < 2; round++) {
        ecom_buf a = world_ask(g,
                               "{\"query\":\"query A { a: __typename } query B { b: __typename }\","
                               "\"operationName\":\"A\"}",
                               NULL, NULL);
        ecom_buf b = world_ask(g,
                               "{\"query\":\"query A { a: __typename } query B { b: __typename }\","
                               "\"operationName\":\"B\"}",
                               NULL, NULL);
        CHECK_STR("{\"data\":{\"a\":\"Query\"}}", ecom_buf_str(&a));
        CHECK_STR("{\"data\":{\"b\":\"Query\"}}", ecom_buf_str(&b));
        ecom_buf_free(&a);
        ecom_buf_free(&b);
    }
    ecom_graphql_free(g);
}

/* ---- parents that are structs */

struct part {
    ecom_str name;
    int64_t price, made, count;
    int32_t color, sold;
    ecom_str password;
};
struct whole {
    ecom_str id;
    ecom_list parts;
    struct part main;
};

static const char *const colors[] = {"RED", "GREEN", NULL};
static const ecom_field part_fields[] = {
    ECOM_FIELD(struct part, name, "name", STRING),
    ECOM_FIELD(struct part, price, "price", MONEY),
    ECOM_FIELD(struct part, made, "made", TIME),
    ECOM_FIELD(struct part, count, "count", INT, .doc = "How many."),
    ECOM_FIELD(struct part, color, "color", ENUM, .names = colors),
    ECOM_FIELD(struct part, sold, "sold", BOOL),
    ECOM_FIELD(struct part, password, "password", STRING, .flags = ECOM_SECRET),
};
static const ecom_record part_record =
    ECOM_RECORD_WITH("Part", struct part, part_fields, .doc = "One \"of\" many.");
static const ecom_field whole_fields[] = {
    ECOM_FIELD(struct whole, id, "id", ID, .flags = ECOM_REQUIRED),
    ECOM_FIELD(struct whole, parts, "parts", LIST, .flags = ECOM_REQUIRED, .of = &part_record),
    ECOM_FIELD(struct whole, main, "main", RECORD, .of = &part_record),
};
static const ecom_record whole_record = ECOM_RECORD("Whole", struct whole, whole_fields);

static int resolve_root(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    ecom_graphql_set_object(&call->results[0], call->parents[0]);
    return ECOM_OK;
}

static void records_are_types_of_a_schema(void)
{
    static const char want[] = "type Whole {\n  id: ID!\n  parts: [Part!]!\n  main: Part\n}\n"
                               "\"One \\\"of\\\" many.\"\ntype Part {\n  name: String\n"
                               "  price: Money\n  made: DateTime\n  \"How many.\"\n  count: Int\n"
                               "  color: PartColor\n  sold: Boolean\n}\n"
                               "\nenum PartColor {\n  RED\n  GREEN\n}\n";
    ecom_buf out = {0};

    CHECK_I64(ECOM_OK, ecom_graphql_write_record(&whole_record, &out));
    CHECK_I64(ECOM_OK, ecom_graphql_write_record(&part_record, &out));
    CHECK_STR(want, ecom_buf_str(&out));
    ecom_buf_free(&out);
    for (uint64_t n = 1, reached = 1; reached; n++) {
        ecom_buf small = {0};
        check_alloc_fail_at(n);
        int r = ecom_graphql_write_record(&part_record, &small);
        reached = (uint64_t)check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK_I64(reached ? ECOM_E_NOMEM : ECOM_OK, r);
        CHECK(!reached || small.n == 0, "half a type");
        ecom_buf_free(&small);
    }
}

static void records_are_read_by_their_tables(void)
{
    static const ecom_graphql_resolver resolvers[] = {
        {"Query", "whole", resolve_root, NULL},
        {"Whole", "*", ecom_graphql_resolve_record, (void *)&whole_record},
        {"Part", "*", ecom_graphql_resolve_record, (void *)&part_record},
    };
    struct part parts[] = {{S("bolt"), 1990, 0, 7, 1, 1, S("x")},
                           {{NULL, 0},
                            ECOM_ABSENT,
                            ECOM_ABSENT,
                            ECOM_ABSENT,
                            ECOM_ABSENT32,
                            ECOM_ABSENT32,
                            {NULL, 0}}};
    struct whole whole = {S("w1"), {parts, 2}, parts[0]};
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_graphql_request request = {.size = sizeof(request), .root = &whole};
    const ecom_graphql_scalar scalars[] = {ecom_graphql_money, ecom_graphql_datetime};
    ecom_arena *arena = ecom_arena_new(0);
    ecom_buf out = {0}, sdl = {0};
    ecom_graphql *g;
    ecom_error e;

    CHECK_I64(ECOM_OK, ecom_buf_append(&sdl, S("type Query { whole: Whole } scalar Money scalar "
                                               "DateTime extend type Part { password: String } ")));
    CHECK_I64(ECOM_OK, ecom_graphql_write_record(&whole_record, &sdl));
    CHECK_I64(ECOM_OK, ecom_graphql_write_record(&part_record, &sdl));
    options.sdl = ecom_buf_str(&sdl);
    options.resolvers = resolvers;
    options.nresolvers = 3;
    options.scalars = scalars;
    options.nscalars = 2;
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    CHECK_CODE(ECOM_OK,
               ecom_graphql_handle(g,
                                   S("{\"query\":\"{ whole { id main { name } parts { name price "
                                     "made count color sold password } } }\"}"),
                                   &request, arena, &out, NULL, &e),
               e);
    CHECK_STR("{\"data\":{\"whole\":{\"id\":\"w1\",\"main\":{\"name\":\"bolt\"},\"parts\":["
              "{\"name\":\"bolt\",\"price\":19.9,\"made\":\"1970-01-01T00:00:00.000Z\",\"count\":7,"
              "\"color\":\"GREEN\",\"sold\":true,\"password\":null},"
              "{\"name\":null,\"price\":null,\"made\":null,\"count\":null,\"color\":null,"
              "\"sold\":null,\"password\":null}]}}}",
              ecom_buf_str(&out));
    ecom_buf_free(&out);
    ecom_buf_free(&sdl);
    ecom_arena_free(arena);
    ecom_graphql_free(g);
}

/* ---- threads */

static const char everything[] =
    "{\"query\":\"query($n: Int!, $s: Boolean!) { hello people(first: $n) { id name @skip(if: $s) "
    "friends { name best { id } } } search { __typename ... on Node { id } ...P } broken "
    "echo(box: {w: 1, inner: {w: $n}}) __schema { types { name fields { type { ...T } } } } } "
    "fragment P on Person { tags } fragment T on __Type { kind ofType { name } }\","
    "\"variables\":{\"n\":3,\"s\":false}}";

static void *ask_many_times(void *arg)
{
    ecom_graphql *g = arg;
    intptr_t wrong = 0;
    ecom_buf first = {0};

    for (int i = 0; i < 40; i++) {
        ecom_buf out = world_ask(g, everything, NULL, NULL), other;
        char text[60];
        if (!first.p)
            first = out;
        else {
            wrong += !ecom_str_eq(ecom_buf_str(&first), ecom_buf_str(&out));
            ecom_buf_free(&out);
        }
        snprintf(text, sizeof(text), "{ a%d: hello }", i);
        other = world_query(g, text);
        wrong += !other.p || !strstr(other.p, "Hello, world!");
        ecom_buf_free(&other);
    }
    wrong += !first.p || !strstr(first.p, "\"data\":{\"hello\"");
    ecom_buf_free(&first);
    return (void *)wrong;
}

static void one_document_runs_in_many_threads(void)
{
    ecom_graphql_options options = world_options();
    pthread_t threads[4];
    ecom_graphql *g;
    ecom_error e;

    options.max_documents = 8; /* so that documents also go while others run them */
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, ask_many_times, g) == 0, "thread");
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        CHECK(!wrong, "%d wrong answers", (int)(intptr_t)wrong);
    }
    ecom_graphql_free(g);
}

/* ---- memory */

static void a_request_survives_each_failed_allocation(void)
{
    ecom_graphql *g = world_open();
    ecom_buf whole = world_ask(g, everything, NULL, NULL);
    ecom_error e;

    for (uint64_t n = 1;; n++) {
        ecom_graphql_options options = world_options();
        ecom_arena *arena = ecom_arena_new(0);
        ecom_buf out = {0};
        options.max_documents = 1;
        CHECK_I64(ECOM_OK, ecom_buf_append(&out, S("before")));
        ecom_graphql_document_unref(prepare(g, "{ hello }")); /* the same each time */
        ecom_graphql_free(g);
        CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
        check_alloc_fail_at(n);
        int r = ecom_graphql_handle(g, ecom_str_of(everything), NULL, arena, &out, NULL, &e);
        int reached = check_alloc_failed();
        check_alloc_fail_at(0);
        ecom_arena_free(arena);
        if (r == ECOM_OK && !reached)
            CHECK(out.n == 6 + whole.n && memcmp(out.p + 6, whole.p, whole.n) == 0, "%s", out.p);
        else if (r == ECOM_OK) /* a resolver met it: its field failed, the rest is there */
            CHECK(strstr(out.p, "\"errors\"") && strstr(out.p, "\"data\""), "%s", out.p);
        else
            CHECK(r == ECOM_E_NOMEM && out.n == 6, "%s, %zu bytes", check_code(r), out.n);
        ecom_buf_free(&out);
        if (!reached)
            break;
    }
    ecom_buf_free(&whole);
    ecom_graphql_free(g);
}

/* Neither the engine nor, in the other build of this test, anything else. */
static void a_request_with_a_known_document_allocates_nothing(void)
{
    static const char *const bodies[] = {
        "{\"query\":\"{ hello }\"}",
        "{\"query\":\"query Q($skip: Boolean!, $name: String) { hello(name: $name) s: hello "
        "@skip(if: $skip) n: __typename }\",\"operationName\":\"Q\",\"variables\":"
        "{\"skip\":false,\"name\":\"caf\\u00e9\"},\"extensions\":{\"cost\":true}}",
        "{\"query\":\"query($n: Int!) { people(first: $n) { id name friends { ...F best { id } } } "
        "search { __typename ... on Node { id } } echo(box: {w: 1, inner: {w: $n}}) } "
        "fragment F on Person { name tags }\",\"variables\":{\"n\":30}}",
    };
    ecom_graphql *g = world_open();
    ecom_arena *arena = ecom_arena_new(0);
    ecom_buf out = {0};
    ecom_error e;

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        uint64_t before = 0;
        for (int k = 0; k < 20; k++) {
            before = k == 10 ? check_allocs() : before; /* it is warm */
            out.n = 0;
            ecom_arena_reset(arena);
            CHECK_CODE(ECOM_OK,
                       ecom_graphql_handle(g, ecom_str_of(bodies[i]), NULL, arena, &out, NULL, &e),
                       e);
        }
        CHECK(strstr(out.p, "\"data\":{") && !strstr(out.p, "\"errors\""), "%s", out.p);
        CHECK(check_allocs() == before, "%d allocations in 10 requests: %s",
              (int)(check_allocs() - before), bodies[i]);
    }
    ecom_buf_free(&out);
    ecom_arena_free(arena);
    ecom_graphql_free(g);
}

static void an_arena_that_is_full_is_said(void)
{
    ecom_graphql *g = world_open();
    ecom_arena *arena = ecom_arena_new(3000);
    ecom_buf out = {0};
    ecom_error e;

    CHECK_I64(ECOM_E_NOMEM,
              ecom_graphql_handle(g, ecom_str_of(everything), NULL, arena, &out, NULL, &e));
    CHECK_U64(0, out.n);
    ecom_buf_free(&out);
    ecom_arena_free(arena);
    ecom_graphql_free(g);
}

static void results_are_bounded(void)
{
    ecom_graphql_options options = world_options();
    ecom_graphql *g;
    ecom_error e;

    options.limits.max_results = 10;
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    ecom_buf out = world_query(g, "{ people { friends { friends { name } } } }");
    CHECK(strstr(out.p, "The response has more than 10 values (max_results).") &&
              strstr(out.p, "\"code\":\"TOO_LARGE\""),
          "%s", out.p);
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

/* Gives the list of its first call again and again, to all parents. */
static int resolve_shared(ecom_graphql_call *call, void *user, ecom_error *err)
{
    ecom_graphql_value *list = call->context;

    (void)user;
    if (!list->kind) {
        if (ecom_graphql_set_list(call, list, 2) < 0)
            return ecom_fail(err, ECOM_E_NOMEM, "a list");
        ecom_graphql_set_object(&list->as.items[0], "x");
        ecom_graphql_set_object(&list->as.items[1], "y");
    }
    for (uint32_t i = 0; i < call->n; i++)
        call->results[i] = *list;
    return ECOM_OK;
}

static int resolve_letter(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    for (uint32_t i = 0; i < call->n; i++)
        ecom_graphql_set_str(&call->results[i], ecom_str_of(call->parents[i]));
    return ECOM_OK;
}

static int resolve_pair(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    if (ecom_graphql_set_list(call, &call->results[0], 2) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "a pair");
    ecom_graphql_set_object(&call->results[0].as.items[0], "p");
    ecom_graphql_set_object(&call->results[0].as.items[1], "q");
    return ECOM_OK;
}

static void a_list_given_twice_never_shows_other_fields(void)
{
    static const ecom_graphql_resolver resolvers[] = {
        {"Query", "pair", resolve_pair, NULL},
        {"Query", "*", resolve_shared, NULL},
        {"T", "shared", resolve_shared, NULL},
        {"T", "letter", resolve_letter, NULL},
    };
    static const struct {
        const char *body, *want;
    } table[] = {
        {"{\"query\":\"{ pair { shared { letter } } }\"}",
         "{\"data\":{\"pair\":[{\"shared\":[{\"letter\":\"x\"},{\"letter\":\"y\"}]},"
         "{\"shared\":[{\"letter\":\"x\"},{\"letter\":\"y\"}]}]}}"},
        {"{\"query\":\"{ a { letter } b { l: letter } }\"}",
         "{\"errors\":[{\"message\":\"Expected an object for field Query.b.\",\"locations\":[{"
         "\"line\":1,\"column\":16}],\"path\":[\"b\",0],\"extensions\":{\"code\":"
         "\"INTERNAL_SERVER_ERROR\"}}],\"data\":{\"a\":[{\"letter\":\"x\"},{\"letter\":"
         "\"y\"}],\"b\":null}}"},
    };
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_graphql *g;
    ecom_error e;

    options.sdl = S("type Query { pair: [T!] a: [T!] b: [T!] } type T { shared: [T!] letter: ID }");
    options.resolvers = resolvers;
    options.nresolvers = 4;
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    for (int i = 0; i < 2; i++) {
        ecom_graphql_value list = {0};
        ecom_graphql_request request = {.size = sizeof(request), .context = &list};
        ecom_arena *arena = ecom_arena_new(0);
        ecom_buf out = {0};
        CHECK_CODE(
            ECOM_OK,
            ecom_graphql_handle(g, ecom_str_of(table[i].body), &request, arena, &out, NULL, &e), e);
        CHECK_STR(table[i].want, ecom_buf_str(&out));
        ecom_buf_free(&out);
        ecom_arena_free(arena);
    }
    ecom_graphql_free(g);
}

static const struct check_case cases[] = {
    CASE(a_document_is_prepared_once),
    CASE(refused_documents_are_not_kept),
    CASE(the_cache_lets_go_of_the_least_used),
    CASE(the_cache_keeps_its_bound_of_bytes),
    CASE(one_cached_text_runs_each_of_its_operations),
    CASE(records_are_types_of_a_schema),
    CASE(records_are_read_by_their_tables),
    CASE(one_document_runs_in_many_threads),
    CASE(a_request_survives_each_failed_allocation),
    CASE(a_request_with_a_known_document_allocates_nothing),
    CASE(an_arena_that_is_full_is_said),
    CASE(results_are_bounded),
    CASE(a_list_given_twice_never_shows_other_fields),
};

CHECK_MAIN("graphql-engine", cases)
