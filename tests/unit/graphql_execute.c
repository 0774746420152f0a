#include "check.h"
#include "graphql_world.h"

struct exchange {
    const char *query, *want;
};

static void run_all(const struct exchange *table, size_t n)
{
    ecom_graphql *g = world_open();

    CHECK(g, "no schema");
    for (size_t i = 0; i < n; i++) {
        ecom_buf out = world_query(g, table[i].query);
        CHECK(ecom_str_eq(ecom_str_of(table[i].want), ecom_buf_str(&out)),
              "%s\n#   want %s\n#   got  %s", table[i].query, table[i].want, out.p ? out.p : "-");
        ecom_buf_free(&out);
    }
    ecom_graphql_free(g);
}
#define RUN(table_) run_all(table_, sizeof(table_) / sizeof((table_)[0]))

static void fields_come_in_the_order_of_the_query(void)
{
    static const struct exchange table[] = {
        {"{ __typename hello }",
         "{\"data\":{\"__typename\":\"Query\",\"hello\":\"Hello, world!\"}}"},
        {"{ b: hello(name: \"b\") a: hello(name: \"a\") }",
         "{\"data\":{\"b\":\"Hello, b!\",\"a\":\"Hello, a!\"}}"},
        {"{ person(id: 1) { name } b: hello person(id: 1) { id } ...F } "
         "fragment F on Query { c: __typename person(id: 1) { age } }",
         "{\"data\":{\"person\":{\"name\":\"Ann\",\"id\":\"1\",\"age\":31},"
         "\"b\":\"Hello, world!\",\"c\":\"Query\"}}"},
        {"{ person(id: 9) { name } }", "{\"data\":{\"person\":null}}"},
        {"{ people(first: 0) { name } }", "{\"data\":{\"people\":[]}}"},
    };

    RUN(table);
}

static void types_of_objects_choose_their_fragments(void)
{
    static const struct exchange table[] = {
        {"{ search { __typename ... on Person { age } ... on Robot { volts } } }",
         "{\"data\":{\"search\":[{\"__typename\":\"Person\",\"age\":31},"
         "{\"__typename\":\"Person\",\"age\":null},{\"__typename\":\"Person\",\"age\":77},"
         "{\"__typename\":\"Robot\",\"volts\":1.5}]}}"},
        {"{ node(id: 4) { id ... on Named { name } ...P } } fragment P on Person { age }",
         "{\"data\":{\"node\":{\"id\":\"4\",\"name\":\"R4\"}}}"},
        {"{ node(id: 1) { id ... on Named { n: name ... on Person { age } } } }",
         "{\"data\":{\"node\":{\"id\":\"1\",\"n\":\"Ann\",\"age\":31}}}"},
    };

    RUN(table);
}

static void skip_and_include_leave_fields_out(void)
{
    static const struct exchange table[] = {
        {"{ a: hello @skip(if: true) b: __typename @skip(if: false) }",
         "{\"data\":{\"b\":\"Query\"}}"},
        {"{ a: __typename @include(if: true) b: hello @include(if: false) }",
         "{\"data\":{\"a\":\"Query\"}}"},
        {"{ a: __typename @include(if: true) @skip(if: true) }", "{\"data\":{}}"},
        {"{ ... @skip(if: true) { hello } ...F @include(if: false) t: __typename } "
         "fragment F on Query { hello }",
         "{\"data\":{\"t\":\"Query\"}}"},
    };

    RUN(table);
}

static void arguments_are_coerced_with_defaults(void)
{
    static const struct exchange table[] = {
        {"{ echo(int: 1, float: 2, id: 3, string: \"\\u{1F600}\", bool: true) }",
         "{\"data\":{\"echo\":{\"int\":1,\"float\":2,\"string\":\"\xF0\x9F\x98\x80\","
         "\"bool\":true,\"id\":\"3\"}}}"},
        {"{ echo(ints: 3, matrix: [1, [2], null]) }",
         "{\"data\":{\"echo\":{\"ints\":[3],\"matrix\":[[1],[2],null]}}}"},
        {"{ echo(box: {w: 1, inner: {w: 2, colors: null}}) }",
         "{\"data\":{\"echo\":{\"box\":{\"w\":1,\"h\":2,\"inner\":{\"w\":2,\"h\":2,"
         "\"colors\":null},\"colors\":[\"RED\"]}}}}"},
        {"{ echo(money: 19.99, when: \"2026-01-01T00:00:00Z\", any: {a: [1, B]}) }",
         "{\"data\":{\"echo\":{\"money\":19.99,\"when\":\"2026-01-01T00:00:00Z\","
         "\"any\":{\"a\":[1,\"B\"]}}}}"},
        {"{ echo(int: null) }", "{\"data\":{\"echo\":{\"int\":null}}}"},
        {"{ need(int: 1) }", "{\"data\":{\"need\":8}}"},
    };

    RUN(table);
}

static void failures_are_null_with_path_and_place(void)
{
    static const struct exchange table[] = {
        {"{ a: __typename\n  fails }",
         "{\"errors\":[{\"message\":\"nothing here\",\"locations\":[{\"line\":2,\"column\":3}],"
         "\"path\":[\"fails\"],\"extensions\":{\"code\":\"NOT_FOUND\"}}],"
         "\"data\":{\"a\":\"Query\",\"fails\":null}}"},
        {"{ hello failsHard }",
         "{\"errors\":[{\"message\":\"nothing here\",\"locations\":[{\"line\":1,\"column\":9}],"
         "\"path\":[\"failsHard\"],\"extensions\":{\"code\":\"NOT_FOUND\"}}],\"data\":null}"},
        {"{ person(id: 1) { best { name } strict { name } } hello }",
         "{\"errors\":[{\"message\":\"Cannot return null for non-nullable field Person.strict.\","
         "\"locations\":[{\"line\":1,\"column\":33}],\"path\":[\"person\",\"strict\"],"
         "\"extensions\":{\"code\":\"INTERNAL_SERVER_ERROR\"}}],"
         "\"data\":{\"person\":null,\"hello\":\"Hello, world!\"}}"},
        {"{ person(id: 2) { f: friends { s: secret } } }",
         "{\"errors\":[{\"message\":\"Ann has secrets\",\"locations\":[{\"line\":1,\"column\":32}],"
         "\"path\":[\"person\",\"f\",0,\"s\"],\"extensions\":{\"code\":\"FORBIDDEN\"}}],"
         "\"data\":{\"person\":null}}"},
        {"{ person(id: 1) { friends(first: 1) { secret } } }",
         "{\"data\":{\"person\":{\"friends\":[{\"secret\":\"none\"}]}}}"},
        {"{ broken }",
         "{\"errors\":[{\"message\":\"Internal error\",\"locations\":[{\"line\":1,\"column\":3}],"
         "\"path\":[\"broken\",1],\"extensions\":{\"code\":\"INTERNAL_SERVER_ERROR\"}}],"
         "\"data\":{\"broken\":null}}"},
        {"{ badEnum }",
         "{\"errors\":[{\"message\":\"Enum \\\"Color\\\" cannot represent value: \\\"PINK\\\"\","
         "\"locations\":[{\"line\":1,\"column\":3}],\"path\":[\"badEnum\"],"
         "\"extensions\":{\"code\":\"INTERNAL_SERVER_ERROR\"}}],\"data\":{\"badEnum\":null}}"},
        {"{ bigInt }",
         "{\"errors\":[{\"message\":\"Int cannot represent non 32-bit signed integer value: "
         "2147483648\",\"locations\":[{\"line\":1,\"column\":3}],\"path\":[\"bigInt\"],"
         "\"extensions\":{\"code\":\"INTERNAL_SERVER_ERROR\"}}],\"data\":{\"bigInt\":null}}"},
    };

    RUN(table);
}

static void custom_scalars_write_themselves(void)
{
    static const struct exchange table[] = {
        {"{ price now }", "{\"data\":{\"price\":19.9,\"now\":\"1970-01-01T00:00:00.000Z\"}}"},
    };

    RUN(table);
}

static void lists_of_lists_keep_their_nulls(void)
{
    static const struct exchange table[] = {
        {"{ person(id: 1) { tags } }", "{\"data\":{\"person\":{\"tags\":[[\"a\",null],null]}}}"},
    };

    RUN(table);
}

static void a_resolver_is_called_once_a_level(void)
{
    ecom_graphql *g = world_open();
    struct world_counts counts = {0};

    CHECK(g, "no schema");
    ecom_buf out =
        world_ask(g, "{\"query\":\"{ people { friends { friends { name } } } }\"}", &counts, NULL);
    CHECK(out.p && strstr(out.p, "\"name\":\"Bob\""), "%s", out.p ? out.p : "nothing");
    CHECK_I64(2, counts.calls);
    CHECK_I64(3 + 5, counts.parents);
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static void mutations_run_one_after_the_other(void)
{
    ecom_graphql *g = world_open();
    struct world_counts counts = {0};

    CHECK(g, "no schema");
    ecom_buf out =
        world_ask(g, "{\"query\":\"mutation { a: append(n: 5) b: append(n: 3) c: append(n: 4) }\"}",
                  &counts, NULL);
    CHECK_STR("{\"data\":{\"a\":[5],\"b\":[5,3],\"c\":[5,3,4]}}", ecom_buf_str(&out));
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static void a_failed_mutation_that_must_not_be_null_ends_the_series(void)
{
    ecom_graphql *g = world_open();
    struct world_counts counts = {0};

    CHECK(g, "no schema");
    ecom_buf out = world_ask(
        g, "{\"query\":\"mutation { a: append(n: 5) b: appendHard(n: 3) c: append(n: 4) }\"}",
        &counts, NULL);
    CHECK_STR("{\"errors\":[{\"message\":\"no more than 3\",\"locations\":[{\"line\":1,"
              "\"column\":28}],\"path\":[\"b\"],\"extensions\":{\"code\":\"CONFLICT\"}}],"
              "\"data\":null}",
              ecom_buf_str(&out));
    CHECK_I64(2, counts.nlog);
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static void ask(const char *body, const char *want, ecom_graphql_outcome became)
{
    ecom_graphql *g = world_open();
    ecom_graphql_outcome outcome = ECOM_GRAPHQL_NOT_ALLOWED;

    CHECK(g, "no schema");
    ecom_buf out = world_ask(g, body, NULL, &outcome);
    CHECK_STR(want, ecom_buf_str(&out));
    CHECK_I64(became, outcome);
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static void variables_reach_their_places(void)
{
    ask("{\"query\":\"query($n: String = \\\"d\\\", $b: Box, $i: [Int!], $p: ID) { "
        "hello(name: $n) echo(box: $b, ints: $i, id: $p) }\","
        "\"variables\":{\"b\":{\"w\":1.0,\"label\":\"x\"},\"i\":7,\"p\":12}}",
        "{\"data\":{\"hello\":\"Hello, d!\",\"echo\":{\"id\":\"12\",\"ints\":[7],"
        "\"box\":{\"w\":1,\"h\":2,\"label\":\"x\",\"colors\":[\"RED\"]}}}}",
        ECOM_GRAPHQL_EXECUTED);
    ask("{\"query\":\"query($w: Int!, $c: Color) { echo(box: {w: $w, h: $h2, colors: [$d]}) }\"}",
        "{\"errors\":[{\"message\":\"Variable \\\"$h2\\\" is not defined.\",\"locations\":["
        "{\"line\":1,\"column\":51},{\"line\":1,\"column\":1}],\"extensions\":{\"code\":"
        "\"GRAPHQL_VALIDATION_FAILED\"}},{\"message\":\"Variable \\\"$d\\\" is not defined.\","
        "\"locations\":[{\"line\":1,\"column\":65},{\"line\":1,\"column\":1}],\"extensions\":"
        "{\"code\":\"GRAPHQL_VALIDATION_FAILED\"}},{\"message\":\"Variable \\\"$c\\\" is never "
        "used.\",\"locations\":[{\"line\":1,\"column\":17}],\"extensions\":{\"code\":"
        "\"GRAPHQL_VALIDATION_FAILED\"}}]}",
        ECOM_GRAPHQL_REFUSED);
    ask("{\"query\":\"query($s: Boolean!) { a: __typename @skip(if: $s) b: __typename "
        "@include(if: $s) }\",\"variables\":{\"s\":true}}",
        "{\"data\":{\"b\":\"Query\"}}", ECOM_GRAPHQL_EXECUTED);
    ask("{\"query\":\"query($a: Any) { echo(any: {x: $a}) }\",\"variables\":{\"a\":[1,{\"b\":2}]}}",
        "{\"data\":{\"echo\":{\"any\":{\"x\":[1,{\"b\":2}]}}}}", ECOM_GRAPHQL_EXECUTED);
    ask("{\"query\":\"query($i: Int) { need(int: 1, other: $i) }\"}", "{\"data\":{\"need\":8}}",
        ECOM_GRAPHQL_EXECUTED);
}

static void wrong_variables_are_named_with_their_path(void)
{
#define WRONG(text_)                                                                     \
    "{\"errors\":[{\"message\":\"" text_ "\",\"locations\":[{\"line\":1,\"column\":7}]," \
    "\"extensions\":{\"code\":\"BAD_USER_INPUT\"}}]}"
    static const struct {
        const char *type, *argument, *variables, *want;
    } table[] = {
        {"Int!", "int", "{}",
         WRONG("Variable \\\"$v\\\" of required type \\\"Int!\\\" was not provided.")},
        {"Int!", "int", "{\"v\":null}",
         WRONG("Variable \\\"$v\\\" of non-null type \\\"Int!\\\" must not be null.")},
        {"Int", "int", "{\"v\":1.5}",
         WRONG("Variable \\\"$v\\\" got invalid value 1.5; Int cannot represent non-integer value: "
               "1.5")},
        {"Int", "int", "{\"v\":2147483648}",
         WRONG("Variable \\\"$v\\\" got invalid value 2147483648; Int cannot represent non 32-bit "
               "signed integer value: 2147483648")},
        {"Int", "int", "{\"v\":\"1\"}",
         WRONG("Variable \\\"$v\\\" got invalid value \\\"1\\\"; Int cannot represent non-integer "
               "value: \\\"1\\\"")},
        {"Float", "float", "{\"v\":true}",
         WRONG("Variable \\\"$v\\\" got invalid value true; Float cannot represent non numeric "
               "value: true")},
        {"String", "string", "{\"v\":1}",
         WRONG("Variable \\\"$v\\\" got invalid value 1; String cannot represent a non string "
               "value: 1")},
        {"Boolean", "bool", "{\"v\":0}",
         WRONG("Variable \\\"$v\\\" got invalid value 0; Boolean cannot represent a non boolean "
               "value: 0")},
        {"ID", "id", "{\"v\":1.5}",
         WRONG("Variable \\\"$v\\\" got invalid value 1.5; ID cannot represent value: 1.5")},
        {"Color", "color", "{\"v\":\"PINK\"}",
         WRONG("Variable \\\"$v\\\" got invalid value \\\"PINK\\\"; Value \\\"PINK\\\" does not "
               "exist in \\\"Color\\\" enum.")},
        {"Color", "color", "{\"v\":1}",
         WRONG("Variable \\\"$v\\\" got invalid value 1; Enum \\\"Color\\\" cannot represent "
               "non-string value: 1.")},
        {"[Int!]", "ints", "{\"v\":[1,null]}",
         WRONG("Variable \\\"$v\\\" got invalid value null at \\\"v[1]\\\"; Expected non-nullable "
               "type \\\"Int!\\\" not to be null.")},
        {"Box", "box", "{\"v\":{\"w\":1,\"inner\":{\"h\":1}}}",
         WRONG("Variable \\\"$v\\\" got invalid value { h: 1 } at \\\"v.inner\\\"; Field \\\"w\\\" "
               "of required type \\\"Int!\\\" was not provided.")},
        {"Box", "box", "{\"v\":{\"w\":1,\"x\":1}}",
         WRONG("Variable \\\"$v\\\" got invalid value { w: 1, x: 1 }; Field \\\"x\\\" is not "
               "defined by type \\\"Box\\\". Did you mean \\\"h\\\" or \\\"w\\\"?")},
        {"Box", "box", "{\"v\":3}",
         WRONG("Variable \\\"$v\\\" got invalid value 3; Expected type \\\"Box\\\" to be an "
               "object.")},
        {"Pick", "pick", "{\"v\":{\"a\":1,\"b\":\"x\"}}",
         WRONG("Variable \\\"$v\\\" got invalid value { a: 1, b: \\\"x\\\" }; Exactly one key must "
               "be specified for OneOf type \\\"Pick\\\".")},
        {"Pick", "pick", "{\"v\":{\"a\":null}}",
         WRONG("Variable \\\"$v\\\" got invalid value null at \\\"v.a\\\"; Field \\\"a\\\" must be "
               "non-null.")},
        {"Money", "money", "{\"v\":\"1\"}",
         WRONG("Variable \\\"$v\\\" got invalid value \\\"1\\\"; Expected value of type "
               "\\\"Money\\\", found \\\"1\\\"; it must be a number.")},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]) && !check_failed; i++) {
        char body[400];
        snprintf(body, sizeof(body),
                 "{\"query\":\"query($v: %s) { echo(%s: $v) }\",\"variables\":%s}", table[i].type,
                 table[i].argument, table[i].variables);
        ask(body, table[i].want, ECOM_GRAPHQL_REFUSED);
    }
}

static void a_null_that_a_default_let_in_fails_its_field(void)
{
    ask("{\"query\":\"query($v: Int = 1) { need(int: $v) }\",\"variables\":{\"v\":null}}",
        "{\"errors\":[{\"message\":\"Argument \\\"int\\\" of non-null type \\\"Int!\\\" must not "
        "be "
        "null.\",\"locations\":[{\"line\":1,\"column\":32}],\"path\":[\"need\"],\"extensions\":{"
        "\"code\":\"BAD_USER_INPUT\"}}],\"data\":{\"need\":null}}",
        ECOM_GRAPHQL_EXECUTED);
}

static void the_named_operation_runs(void)
{
#define TWO "{\"query\":\"query A { a: __typename } query B { b: __typename }\""
    ask(TWO ",\"operationName\":\"B\"}", "{\"data\":{\"b\":\"Query\"}}", ECOM_GRAPHQL_EXECUTED);
    ask(TWO ",\"operationName\":\"A\"}", "{\"data\":{\"a\":\"Query\"}}", ECOM_GRAPHQL_EXECUTED);
    ask(TWO ",\"operationName\":\"C\"}",
        "{\"errors\":[{\"message\":\"Unknown operation named \\\"C\\\".\",\"extensions\":{\"code\":"
        "\"BAD_REQUEST\"}}]}",
        ECOM_GRAPHQL_REFUSED);
    ask(TWO "}",
        "{\"errors\":[{\"message\":\"Must provide operation name if query contains multiple "
        "operations.\",\"extensions\":{\"code\":\"BAD_REQUEST\"}}]}",
        ECOM_GRAPHQL_REFUSED);
    ask(TWO ",\"operationName\":null}",
        "{\"errors\":[{\"message\":\"Must provide operation name if query contains multiple "
        "operations.\",\"extensions\":{\"code\":\"BAD_REQUEST\"}}]}",
        ECOM_GRAPHQL_REFUSED);
}

static void bodies_that_are_no_requests_are_malformed(void)
{
    static const struct {
        const char *body, *text;
    } table[] = {
        {"[]", "must be a JSON object"},
        {"{}", "Must provide query string."},
        {"{\"query\":null}", "Must provide query string."},
        {"{\"query\":1}", "\\\"query\\\" must be a string"},
        {"{\"query\":\"{a}\",\"variables\":[]}", "\\\"variables\\\" must be an object or null"},
        {"{\"query\":\"{a}\",\"operationName\":1}", "\\\"operationName\\\" must be a string"},
        {"{\"query\":\"{a}\",\"extensions\":1}", "\\\"extensions\\\" must be an object"},
        {"{\"query\":", "errors"},
        {"{\"query\":\"{a}\"} x", "errors"},
    };
    ecom_graphql *g = world_open();

    CHECK(g, "no schema");
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        ecom_graphql_outcome outcome = ECOM_GRAPHQL_EXECUTED;
        ecom_buf out = world_ask(g, table[i].body, NULL, &outcome);
        CHECK(out.p && strstr(out.p, table[i].text) && !strstr(out.p, "\"data\""), "%s: %s",
              table[i].body, out.p ? out.p : "-");
        CHECK_I64(ECOM_GRAPHQL_MALFORMED, outcome);
        ecom_buf_free(&out);
    }
    ecom_graphql_free(g);
}

static void operations_go_where_they_may(void)
{
    ecom_graphql *g = world_open();
    ecom_graphql_request request = {.size = sizeof(request), .only_queries = 1};
    ecom_arena *arena = ecom_arena_new(0);
    ecom_graphql_outcome outcome;
    ecom_buf out = {0};
    ecom_error e;
    int tick = 42;

    CHECK(g && arena, "no schema");
    CHECK_CODE(ECOM_OK,
               ecom_graphql_handle(g, S("{\"query\":\"mutation { append(n: 1) }\"}"), &request,
                                   arena, &out, &outcome, &e),
               e);
    CHECK_I64(ECOM_GRAPHQL_NOT_ALLOWED, outcome);
    out.n = 0;
    CHECK_CODE(ECOM_OK,
               ecom_graphql_handle(g, S("{\"query\":\"subscription { tick }\"}"), &request, arena,
                                   &out, &outcome, &e),
               e);
    CHECK_I64(ECOM_GRAPHQL_REFUSED, outcome);
    out.n = 0;
    request.event = 1;
    request.root = &tick;
    CHECK_CODE(ECOM_OK,
               ecom_graphql_handle(g, S("{\"query\":\"subscription { tick }\"}"), &request, arena,
                                   &out, &outcome, &e),
               e);
    CHECK_STR("{\"data\":{\"tick\":42}}", ecom_buf_str(&out));
    ecom_buf_free(&out);
    ecom_arena_free(arena);
    ecom_graphql_free(g);
}

static void a_deadline_that_is_over_starts_nothing(void)
{
    struct check_world w;
    ecom_graphql_options options = world_options();
    ecom_graphql_request request = {.size = sizeof(request)};
    ecom_arena *arena = ecom_arena_new(0);
    ecom_graphql *g;
    ecom_buf out = {0};
    ecom_error e;

    check_world_init(&w, 1);
    options.env = &w.env;
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    request.deadline_us = w.us + 1;
    CHECK_CODE(
        ECOM_OK,
        ecom_graphql_handle(g, S("{\"query\":\"{ hello }\"}"), &request, arena, &out, NULL, &e), e);
    CHECK_STR("{\"data\":{\"hello\":\"Hello, world!\"}}", ecom_buf_str(&out));
    check_world_move_ms(&w, 1);
    out.n = 0;
    CHECK_CODE(
        ECOM_OK,
        ecom_graphql_handle(g, S("{\"query\":\"{ old }\"}"), &request, arena, &out, NULL, &e), e);
    CHECK(strstr(out.p, "The request's time is up.") && strstr(out.p, "\"old\":null"), "%s", out.p);
    ecom_buf_free(&out);
    ecom_arena_free(arena);
    ecom_graphql_free(g);
}

static void rewrite(void *user, void *context, const char *type, const char *field, ecom_error *err)
{
    (void)context;
    CHECK_STR("secret: the disk is on fire at 10.0.0.1", ecom_str_of(err->text));
    CHECK(strcmp(type, "Query") == 0 && strcmp(field, "broken") == 0, "%s.%s", type, field);
    ++*(int *)user;
    ecom_fail(err, ECOM_E_UNAVAILABLE, "try later");
}

static void the_owner_sees_each_cause_and_decides_what_is_said(void)
{
    ecom_graphql_options options = world_options();
    ecom_graphql *g;
    ecom_error e;
    int seen = 0;

    options.on_error = rewrite;
    options.user = &seen;
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    ecom_buf out = world_query(g, "{ broken }");
    CHECK(strstr(out.p, "\"message\":\"try later\"") && strstr(out.p, "\"code\":\"UNAVAILABLE\""),
          "%s", out.p);
    CHECK_I64(1, seen);
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

/* What a field is called says what it gives. */
static int give(ecom_graphql_call *call, void *user, ecom_error *err)
{
    const ecom_json *x = ecom_graphql_arg(call, "x");
    ecom_graphql_value *v = &call->results[0];

    (void)user, (void)err;
    if (strcmp(call->field, "i") == 0)
        ecom_graphql_set_int(v, -7);
    else if (strcmp(call->field, "f") == 0)
        ecom_graphql_set_float(v, 0.5);
    else if (strcmp(call->field, "b") == 0)
        ecom_graphql_set_bool(v, 2); /* any truth */
    else if (strcmp(call->field, "s") == 0)
        ecom_graphql_set_str(v, S("text"));
    else if (strcmp(call->field, "none") == 0)
        ecom_graphql_set_str(v, (ecom_str){NULL, 0});
    else
        ecom_graphql_set_str(v, !x                          ? S("left out")
                                : x->kind == ECOM_JSON_NULL ? S("null")
                                                            : x->text);
    return ECOM_OK;
}

static void a_resolver_gives_values_of_each_kind_and_sees_what_was_left_out(void)
{
    static const char *const names[] = {"i", "f", "b", "s", "none", "a"};
    ecom_graphql_resolver all[6];
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_graphql *g;
    ecom_error e;

    for (size_t i = 0; i < 6; i++)
        all[i] = (ecom_graphql_resolver){"Query", names[i], give, NULL};
    options.sdl =
        S("type Query { i: Int f: Float b: Boolean s: String none: String a(x: Int): String }");
    options.resolvers = all;
    options.nresolvers = 6;
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    ecom_buf out = world_query(g, "{ i f b s none a b1: a(x: null) c: a(x: 3) }");
    CHECK_STR("{\"data\":{\"i\":-7,\"f\":0.5,\"b\":true,\"s\":\"text\",\"none\":null,"
              "\"a\":\"left out\",\"b1\":\"null\",\"c\":\"3\"}}",
              ecom_buf_str(&out));
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static const struct check_case cases[] = {
    CASE(fields_come_in_the_order_of_the_query),
    CASE(types_of_objects_choose_their_fragments),
    CASE(skip_and_include_leave_fields_out),
    CASE(arguments_are_coerced_with_defaults),
    CASE(failures_are_null_with_path_and_place),
    CASE(custom_scalars_write_themselves),
    CASE(a_resolver_gives_values_of_each_kind_and_sees_what_was_left_out),
    CASE(lists_of_lists_keep_their_nulls),
    CASE(a_resolver_is_called_once_a_level),
    CASE(mutations_run_one_after_the_other),
    CASE(a_failed_mutation_that_must_not_be_null_ends_the_series),
    CASE(variables_reach_their_places),
    CASE(wrong_variables_are_named_with_their_path),
    CASE(a_null_that_a_default_let_in_fails_its_field),
    CASE(the_named_operation_runs),
    CASE(bodies_that_are_no_requests_are_malformed),
    CASE(operations_go_where_they_may),
    CASE(a_deadline_that_is_over_starts_nothing),
    CASE(the_owner_sees_each_cause_and_decides_what_is_said),
};

CHECK_MAIN("graphql-execute", cases)
