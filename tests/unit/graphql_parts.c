/* @defer and @stream: where they may stand, what comes when, what fails alone, and the bounds. */
#include "check.h"
#include "graphql_world.h"

#include <stdio.h>
#include <string.h>

static ecom_graphql *g;

static ecom_graphql *open_with(void (*change)(ecom_graphql_options *options))
{
    ecom_graphql_options options = world_options();
    ecom_error err;

    options.incremental = 1;
    if (change)
        change(&options);
    if (ecom_graphql_new(&options, &g, NULL, &err) < 0)
        printf("# %s\n", err.text);
    return g;
}

static ecom_buf ask(const char *query, const char *variables, int32_t dialect,
                    struct world_counts *counts)
{
    ecom_buf body = {0}, out = {0};

    if (ecom_buf_append(&body, ecom_str_of("{\"query\":")) == ECOM_OK &&
        ecom_json_write_str(&body, ecom_str_of(query)) == ECOM_OK &&
        ecom_buf_printf(&body, ",\"variables\":%s}", variables ? variables : "{}") == ECOM_OK)
        out = world_parts(g, body.p, dialect, counts);
    ecom_buf_free(&body);
    return out;
}

static void expect_dialect(const char *query, int32_t dialect, const char *want)
{
    ecom_buf out = ask(query, NULL, dialect, NULL);

    CHECK(ecom_str_eq(ecom_str_of(want), ecom_buf_str(&out)), "%s\n#   want %s\n#   got  %s", query,
          want, out.p ? out.p : "-");
    ecom_buf_free(&out);
}

static void expect(const char *query, const char *want)
{
    expect_dialect(query, ECOM_GRAPHQL_PARTS, want);
}

/* ---- where they may stand */

struct refusal {
    const char *query, *message; /* NULL: it is valid */
};

static void refuse_all(const struct refusal *table, size_t n)
{
    CHECK(open_with(NULL), "no schema");
    for (size_t i = 0; i < n; i++) {
        ecom_buf out = {0};
        ecom_graphql_document *document = NULL;
        int r = ecom_graphql_prepare(g, ecom_str_of(table[i].query), &document, &out, NULL);
        CHECK(r == (table[i].message ? ECOM_E_INVAL : ECOM_OK) &&
                  (!table[i].message || strstr(out.p, table[i].message)),
              "%s\n#   want %s\n#   got  %s", table[i].query, table[i].message, out.p);
        ecom_graphql_document_unref(document);
        ecom_buf_free(&out);
    }
    ecom_graphql_free(g);
}
#define REFUSE(table_) refuse_all(table_, sizeof(table_) / sizeof((table_)[0]))

static void they_stand_on_fragments_and_lists(void)
{
    static const struct refusal table[] = {
        {"{ ... @defer { hello } }", NULL},
        {"{ people @stream(initialCount: 2, label: \"p\") { id } }", NULL},
        {"{ hello @defer }", "Directive \\\"@defer\\\" may not be used on FIELD."},
        {"{ ... @stream { hello } }", "Directive \\\"@stream\\\" may not be used on"},
        {"{ hello @stream }",
         "Directive \\\"@stream\\\" cannot be used on non-list field \\\"Query.hello\\\"."},
        {"{ people @stream(initialCount: \"1\") { id } }", "Int cannot represent non-integer"},
        {"{ ... @defer(when: true) { hello } }", "Unknown argument \\\"when\\\""},
        {"{ ... @defer @defer { hello } }", "can only be used once at this location"},
    };

    REFUSE(table);
}

static void labels_are_static_and_each_another(void)
{
    static const struct refusal table[] = {
        {"{ ... @defer(label: \"a\") { hello } people @stream(label: \"b\") { id } }", NULL},
        {"{ ... @defer(label: null) { hello } ... @defer(label: null) { hello } }", NULL},
        {"query ($l: String) { ... @defer(label: $l) { hello } }",
         "Argument \\\"@defer(label:)\\\" must be a static string."},
        {"{ ...F people @stream(label: \"a\") { id } } "
         "fragment F on Query { ... @defer(label: \"a\") { hello } }",
         "must be unique across all Defer/Stream directive usages.\",\"locations\":"
         "[{\"line\":1,\"column\":15},{\"line\":1,\"column\":70}]"},
    };

    REFUSE(table);
}

static void roots_of_mutations_and_subscriptions_are_not_divided(void)
{
    static const struct refusal table[] = {
        {"mutation { ... @defer { append(n: 1) } }",
         "Defer directive cannot be used on root mutation type \\\"Mutation\\\"."},
        {"mutation { append(n: 1) @stream }",
         "Stream directive cannot be used on root mutation type \\\"Mutation\\\"."},
        {"mutation { ...F } fragment F on Mutation { ...G @defer } "
         "fragment G on Mutation { append(n: 1) }",
         "Defer directive cannot be used on root mutation type \\\"Mutation\\\"."},
        {"subscription { ... @defer { tick } }",
         "Defer directive not supported on subscription operations. Disable `@defer` by setting "
         "the `if` argument to `false`."},
        {"subscription ($on: Boolean!) { ... @include(if: true) { ... @defer(if: $on) { tick } } }",
         "Defer directive cannot be used on root subscription type"},
    };

    REFUSE(table);
}

static void a_list_is_streamed_once(void)
{
    static const struct refusal table[] = {
        {"{ people @stream { id } people { name } }", "they have overlapping stream directives"},
        {"{ people @stream { id } people @stream { id } }", "defer-stream-wg/discussions/100"},
        {"{ people @stream { id } b: people @stream { id } }", NULL},
    };

    REFUSE(table);
}

static void without_the_option_they_are_unknown(void)
{
    ecom_buf out;

    CHECK((g = world_open()), "no schema");
    out = world_query(g, "{ ... @defer { hello } people @stream { id } }");
    CHECK(strstr(out.p, "Unknown directive \\\"@defer\\\"") &&
              strstr(out.p, "Unknown directive \\\"@stream\\\""),
          "%s", out.p);
    ecom_buf_free(&out);
    out = world_query(g, "{ __schema { directives { name } } }");
    CHECK(!strstr(out.p, "defer") && !strstr(out.p, "stream"), "%s", out.p);
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static void with_it_introspection_tells_of_them(void)
{
    CHECK(open_with(NULL), "no schema");
    ecom_buf out =
        world_query(g, "{ __schema { directives { name locations args { name defaultValue } } } }");
    CHECK(strstr(out.p,
                 "{\"name\":\"defer\",\"locations\":[\"FRAGMENT_SPREAD\",\"INLINE_FRAGMENT\"]"
                 ",\"args\":[{\"name\":\"if\",\"defaultValue\":\"true\"},"
                 "{\"name\":\"label\",\"defaultValue\":null}]}"),
          "%s", out.p);
    CHECK(strstr(out.p, "{\"name\":\"initialCount\",\"defaultValue\":\"0\"}"), "%s", out.p);
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

/* ---- what comes when */

static void who_takes_one_answer_gets_all_at_once(void)
{
    CHECK(open_with(NULL), "no schema");
    ecom_buf out = world_query(g, "{ people(first: 2) @stream { ... @defer { id } name } }");
    CHECK_STR("{\"data\":{\"people\":[{\"id\":\"1\",\"name\":\"Ann\"},"
              "{\"id\":\"2\",\"name\":\"Bob\"}]}}",
              ecom_buf_str(&out));
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static void deferred_fragments_come_after_the_rest(void)
{
    CHECK(open_with(NULL), "no schema");
    expect(
        "{ person(id: 1) { id ...F @defer(label: \"f\") } } fragment F on Person { name }",
        "[{\"data\":{\"person\":{\"id\":\"1\"}},\"pending\":[{\"id\":\"0\",\"path\":[\"person\"],"
        "\"label\":\"f\"}],\"hasNext\":true},"
        "{\"hasNext\":false,\"incremental\":[{\"id\":\"0\",\"data\":{\"name\":\"Ann\"}}],"
        "\"completed\":[{\"id\":\"0\"}]}]");
    expect("{ ... @defer { hello } }",
           "[{\"data\":{},\"pending\":[{\"id\":\"0\",\"path\":[]}],\"hasNext\":true},"
           "{\"hasNext\":false,\"incremental\":[{\"id\":\"0\",\"data\":{\"hello\":\"Hello, "
           "world!\"}}],\"completed\":[{\"id\":\"0\"}]}]");
    expect("{ ... @defer(if: false) { hello } }", "[{\"data\":{\"hello\":\"Hello, world!\"}}]");
    ecom_graphql_free(g);
}

static void a_field_comes_once_and_as_early_as_anybody_wants_it(void)
{
    CHECK(open_with(NULL), "no schema");
    /* All of it is in the first part: nothing is announced. */
    expect("{ person(id: 1) { id name ... @defer { id name } } }",
           "[{\"data\":{\"person\":{\"id\":\"1\",\"name\":\"Ann\"}}}]");
    /* Two want the name: it comes with the first that is complete. */
    expect(
        "{ person(id: 1) { ... @defer(label: \"a\") { name age } ... @defer(label: \"b\") { name "
        "} } }",
        "[{\"data\":{\"person\":{}},\"pending\":[{\"id\":\"0\",\"path\":[\"person\"],\"label\":"
        "\"a\"},{\"id\":\"1\",\"path\":[\"person\"],\"label\":\"b\"}],\"hasNext\":true},"
        "{\"hasNext\":false,\"incremental\":[{\"id\":\"1\",\"data\":{\"name\":\"Ann\"}},"
        "{\"id\":\"0\",\"data\":{\"age\":31}}],\"completed\":[{\"id\":\"1\"},{\"id\":\"0\"}]}]");
    /* Below a field that two have in common, what only one wants has a path of its own. */
    expect(
        "{ ... @defer(label: \"a\") { person(id: 1) { id } } "
        "... @defer(label: \"b\") { person(id: 1) { id name } } }",
        "[{\"data\":{},\"pending\":[{\"id\":\"0\",\"path\":[],\"label\":\"a\"},{\"id\":\"1\","
        "\"path\":[],\"label\":\"b\"}],\"hasNext\":true},"
        "{\"hasNext\":true,\"incremental\":[{\"id\":\"0\",\"data\":{\"person\":{\"id\":\"1\"}}}],"
        "\"completed\":[{\"id\":\"0\"}]},"
        "{\"hasNext\":false,\"incremental\":[{\"id\":\"1\",\"subPath\":[\"person\"],\"data\":{"
        "\"name\":\"Ann\"}}],\"completed\":[{\"id\":\"1\"}]}]");
    ecom_graphql_free(g);
}

static void fragments_within_fragments_are_announced_when_those_are_complete(void)
{
    CHECK(open_with(NULL), "no schema");
    expect(
        "{ person(id: 1) { ... @defer(label: \"o\") { id ... @defer(label: \"i\") { name } } } }",
        "[{\"data\":{\"person\":{}},\"pending\":[{\"id\":\"0\",\"path\":[\"person\"],\"label\":"
        "\"o\"}],\"hasNext\":true},"
        "{\"hasNext\":true,\"pending\":[{\"id\":\"1\",\"path\":[\"person\"],\"label\":\"i\"}],"
        "\"incremental\":[{\"id\":\"0\",\"data\":{\"id\":\"1\"}}],\"completed\":[{\"id\":\"0\"}]},"
        "{\"hasNext\":false,\"incremental\":[{\"id\":\"1\",\"data\":{\"name\":\"Ann\"}}],"
        "\"completed\":[{\"id\":\"1\"}]}]");
    /* One without a field of its own gives way to those within it. */
    expect("{ person(id: 1) { ... @defer(label: \"o\") { ... @defer(label: \"i\") { name } } } }",
           "[{\"data\":{\"person\":{}},\"pending\":[{\"id\":\"0\",\"path\":[\"person\"],\"label\":"
           "\"i\"}],\"hasNext\":true},"
           "{\"hasNext\":false,\"incremental\":[{\"id\":\"0\",\"data\":{\"name\":\"Ann\"}}],"
           "\"completed\":[{\"id\":\"0\"}]}]");
    ecom_graphql_free(g);
}

static void one_that_is_ready_does_not_wait_for_deeper_ones(void)
{
    CHECK(open_with(NULL), "no schema");
    ecom_buf out =
        ask("{ person(id: 1) { ... @defer(label: \"deep\") { friends { friends { name } } "
            "} ... @defer(label: \"flat\") { name } } }",
            NULL, ECOM_GRAPHQL_PARTS, NULL);
    const char *flat = strstr(out.p, "{\"id\":\"1\",\"data\":{\"name\":\"Ann\"}}");
    const char *deep = strstr(out.p, "{\"id\":\"0\",\"data\":{\"friends\"");
    CHECK(flat && deep && flat < deep, "%s", out.p);
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static void a_resolver_is_called_once_for_all_objects_that_are_due(void)
{
    struct world_counts counts = {0};

    CHECK(open_with(NULL), "no schema");
    ecom_buf out = ask("{ people { id ... @defer { friends { name } } } }", NULL, 0, &counts);
    CHECK(out.p && strstr(out.p, "\"hasNext\":false"), "%s", out.p);
    CHECK_I64(1, counts.calls);
    CHECK_I64(3, counts.parents);
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static void streamed_items_follow_the_first(void)
{
    CHECK(open_with(NULL), "no schema");
    expect(
        "{ people @stream(initialCount: 1, label: \"p\") { name } }",
        "[{\"data\":{\"people\":[{\"name\":\"Ann\"}]},\"pending\":[{\"id\":\"0\",\"path\":["
        "\"people\"],\"label\":\"p\"}],\"hasNext\":true},"
        "{\"hasNext\":false,\"incremental\":[{\"id\":\"0\",\"items\":[{\"name\":\"Bob\"},{\"name\":"
        "\"Cid\"}]}],\"completed\":[{\"id\":\"0\"}]}]");
    expect("{ people @stream(initialCount: 3) { name } }",
           "[{\"data\":{\"people\":[{\"name\":\"Ann\"},{\"name\":\"Bob\"},{\"name\":\"Cid\"}]}}]");
    expect("{ person(id: 1) { tags @stream } }",
           "[{\"data\":{\"person\":{\"tags\":[]}},\"pending\":[{\"id\":\"0\",\"path\":[\"person\","
           "\"tags\"]}],\"hasNext\":true},"
           "{\"hasNext\":false,\"incremental\":[{\"id\":\"0\",\"items\":[[\"a\",null],null]}],"
           "\"completed\":[{\"id\":\"0\"}]}]");
    expect(
        "{ people @stream(initialCount: -1) { name } }",
        "[{\"errors\":[{\"message\":\"initialCount must be a positive integer\",\"locations\":[{"
        "\"line\":1,\"column\":3}],\"path\":[\"people\"],\"extensions\":{\"code\":\"BAD_USER_INPUT"
        "\"}}],\"data\":null}]");
    ecom_graphql_free(g);
}

/* ---- what fails */

static void a_fragment_that_fails_leaves_the_rest_alone(void)
{
    CHECK(open_with(NULL), "no schema");
    expect("{ hello ... @defer { failsHard ... @defer { fails } } }",
           "[{\"data\":{\"hello\":\"Hello, world!\"},\"pending\":[{\"id\":\"0\",\"path\":[]}],"
           "\"hasNext\":true},"
           "{\"hasNext\":false,\"completed\":[{\"id\":\"0\",\"errors\":[{\"message\":\"nothing "
           "here\",\"locations\":[{\"line\":1,\"column\":22}],\"path\":[\"failsHard\"],"
           "\"extensions\":{\"code\":\"NOT_FOUND\"}}]}]}]");
    expect(
        "{ ... @defer { fails } }",
        "[{\"data\":{},\"pending\":[{\"id\":\"0\",\"path\":[]}],\"hasNext\":true},"
        "{\"hasNext\":false,\"incremental\":[{\"id\":\"0\",\"data\":{\"fails\":null},\"errors\":[{"
        "\"message\":\"nothing here\",\"locations\":[{\"line\":1,\"column\":16}],\"path\":["
        "\"fails\"],\"extensions\":{\"code\":\"NOT_FOUND\"}}]}],\"completed\":[{\"id\":\"0\"}]}]");
    ecom_graphql_free(g);
}

static void what_is_nulled_takes_along_what_it_would_have_had(void)
{
    struct world_counts counts = {0};

    CHECK(open_with(NULL), "no schema");
    ecom_buf out = ask("{ hello person(id: 1) { secret ... @defer { friends { name } } "
                       "friends2: friends @stream { id } } }",
                       NULL, 0, &counts);
    CHECK(strstr(out.p, "\"data\":{\"hello\":\"Hello, world!\",\"person\":null}}]"), "%s", out.p);
    CHECK_I64(1, counts.calls); /* friends2 alone, before the secret was out */
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static void a_list_ends_with_the_item_that_can_not_be_null(void)
{
    CHECK(open_with(NULL), "no schema");
    expect(
        "{ person(id: 3) { friends @stream { name secret } } }",
        "[{\"data\":{\"person\":{\"friends\":[]}},\"pending\":[{\"id\":\"0\",\"path\":[\"person\","
        "\"friends\"]}],\"hasNext\":true},"
        "{\"hasNext\":false,\"completed\":[{\"id\":\"0\",\"errors\":[{\"message\":\"Ann has "
        "secrets\",\"locations\":[{\"line\":1,\"column\":42}],\"path\":[\"person\",\"friends\",0,"
        "\"secret\"],\"extensions\":{\"code\":\"FORBIDDEN\"}}]}]}]");
    expect(
        "{ person(id: 1) { friends @stream { secret } } }",
        "[{\"data\":{\"person\":{\"friends\":[]}},\"pending\":[{\"id\":\"0\",\"path\":[\"person\","
        "\"friends\"]}],\"hasNext\":true},"
        "{\"hasNext\":false,\"incremental\":[{\"id\":\"0\",\"items\":[{\"secret\":\"none\"}]}],"
        "\"completed\":[{\"id\":\"0\",\"errors\":[{\"message\":\"Cid has "
        "secrets\",\"locations\":[{\"line\":1,\"column\":37}],\"path\":[\"person\",\"friends\",1,"
        "\"secret\"],\"extensions\":{\"code\":\"FORBIDDEN\"}}]}]}]");
    ecom_graphql_free(g);
}

/* ---- the dialect of 2022 */

static void each_entry_of_the_former_dialect_names_its_path(void)
{
    CHECK(open_with(NULL), "no schema");
    expect_dialect(
        "{ person(id: 1) { id ... @defer(label: \"f\") { name } } "
        "people @stream(initialCount: 1) { id } ... @defer { failsHard } }",
        ECOM_GRAPHQL_PARTS_2022,
        "[{\"data\":{\"person\":{\"id\":\"1\"},\"people\":[{\"id\":\"1\"}]},\"hasNext\":"
        "true},"
        "{\"hasNext\":false,\"incremental\":[{\"path\":[],\"data\":null,\"errors\":[{"
        "\"message\":\"nothing here\",\"locations\":[{\"line\":1,\"column\":108}],\"path\":"
        "[\"failsHard\"],\"extensions\":{\"code\":\"NOT_FOUND\"}}]},"
        "{\"path\":[\"person\"],\"label\":\"f\",\"data\":{\"name\":\"Ann\"}},"
        "{\"path\":[\"people\",1],\"items\":[{\"id\":\"2\"},{\"id\":\"3\"}]}]}]");
    ecom_graphql_free(g);
}

/* ---- bounds */

static void two_fragments(ecom_graphql_options *options)
{
    options->limits.max_deferred = 2;
}

static void more_fragments_than_max_deferred_come_with_the_rest(void)
{
    CHECK(open_with(two_fragments), "no schema");
    ecom_buf out = ask("{ people(first: 2) { ... @defer { id } } }", NULL, 0, NULL);
    CHECK(strstr(out.p, "[{\"data\":{\"people\":[{},{}]},\"pending\":"), "%s", out.p);
    ecom_buf_free(&out);
    expect("{ people { ... @defer { id } } }",
           "[{\"data\":{\"people\":[{\"id\":\"1\"},{\"id\":\"2\"},{\"id\":\"3\"}]}}]");
    out = ask("{ a: people @stream { id } b: people @stream { id } c: people @stream { id } }",
              NULL, 0, NULL);
    CHECK(strstr(out.p, "[{\"data\":{\"a\":[],\"b\":[],\"c\":[{\"id\":\"1\"},"), "%s", out.p);
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static void two_items(ecom_graphql_options *options)
{
    options->limits.max_items = 2;
}

static void a_part_has_no_more_items_than_max_items(void)
{
    CHECK(open_with(two_items), "no schema");
    expect(
        "{ people @stream { id } }",
        "[{\"data\":{\"people\":[]},\"pending\":[{\"id\":\"0\",\"path\":[\"people\"]}],"
        "\"hasNext\":true},"
        "{\"hasNext\":true,\"incremental\":[{\"id\":\"0\",\"items\":[{\"id\":\"1\"},{\"id\":\"2\"}]"
        "}]},"
        "{\"hasNext\":false,\"incremental\":[{\"id\":\"0\",\"items\":[{\"id\":\"3\"}]}],"
        "\"completed\":[{\"id\":\"0\"}]}]");
    ecom_graphql_free(g);
}

static uint32_t count(const char *text, const char *what)
{
    uint32_t n = 0;

    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

/* Three lists of three: nine items, two at a time, and the first list is not served alone. */
static void max_items_is_that_of_all_lists_together(void)
{
    CHECK(open_with(two_items), "no schema");
    ecom_buf out =
        ask("{ a: people @stream { id } b: people @stream { id } c: people @stream { id } }", NULL,
            0, NULL);
    CHECK_I64(9, (int64_t)count(out.p, "{\"id\":\"1\"}") + count(out.p, "{\"id\":\"2\"}") +
                     count(out.p, "{\"id\":\"3\"}") - 2); /* two ends look like items */
    CHECK_I64(4, count(out.p, "\"hasNext\":true,\"incremental\""));
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static void few_values(ecom_graphql_options *options)
{
    options->limits.max_results = 7;
}

/* people (1), three ids, then three names: 7. An age more is one above. */
static void all_parts_together_have_no_more_values_than_max_results(void)
{
    CHECK(open_with(few_values), "no schema");
    ecom_buf out = ask("{ people { id ... @defer { name } } }", NULL, 0, NULL);
    CHECK(!strstr(out.p, "max_results"), "%s", out.p);
    ecom_buf_free(&out);
    out = ask("{ people { id ... @defer { name age } } }", NULL, 0, NULL);
    CHECK(strstr(out.p, "\"age\":null") && strstr(out.p, "max_results"), "%s", out.p);
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static void low_cost(ecom_graphql_options *options)
{
    options->limits.max_cost = 31;
}

static void a_fragment_costs_the_same_whenever_it_comes(void)
{
    CHECK(open_with(low_cost), "no schema");
    ecom_buf out = ask("{ people { id name ... @defer { age } } }", NULL, 0, NULL);
    CHECK(strstr(out.p, "\"hasNext\":true"), "%s", out.p);
    ecom_buf_free(&out);
    out = ask("{ people { id name ... @defer { age tags } } }", NULL, 0, NULL);
    CHECK(strstr(out.p, "may cost 41, more than 31 (max_cost)"), "%s", out.p);
    ecom_buf_free(&out);
    ecom_graphql_free(g);
}

static struct check_world world;

static void own_time(ecom_graphql_options *options)
{
    check_world_init(&world, 1);
    options->env = &world.env;
}

/* A response that was begun. */
struct begun {
    ecom_arena *arena;
    ecom_graphql_rest *rest;
    ecom_buf out;
};

static void begin(struct begun *b, const char *query, uint32_t max_arena, int64_t deadline_us)
{
    ecom_graphql_request request = {.size = sizeof(request), .deadline_us = deadline_us};
    ecom_graphql_document *document;
    ecom_error e = {0};

    *b = (struct begun){.arena = ecom_arena_new(max_arena)};
    CHECK(b->arena, "no arena");
    CHECK_CODE(ECOM_OK, ecom_graphql_prepare(g, ecom_str_of(query), &document, &b->out, &e), e);
    CHECK_CODE(ECOM_OK,
               ecom_graphql_begin(g, document, &request, b->arena, &b->out, &b->rest, NULL, &e), e);
    ecom_graphql_document_unref(document);
    CHECK(b->rest, "all came at once: %s", b->out.p);
}

static void end(struct begun *b)
{
    ecom_graphql_rest_free(b->rest);
    ecom_arena_free(b->arena);
    ecom_buf_free(&b->out);
}

static void the_deadline_is_that_of_all_parts(void)
{
    struct begun b;
    ecom_error e = {0};

    CHECK(open_with(own_time), "no schema");
    begin(&b, "{ hello ... @defer { a: hello } }", 0,
          world.env.monotonic_us(world.env.self) + 1000);
    CHECK(b.rest, "not begun");
    check_world_move_ms(&world, 2);
    b.out.n = 0;
    CHECK_CODE(ECOM_OK, ecom_graphql_rest_next(b.rest, &b.out, &e), e);
    CHECK(strstr(b.out.p, "The request's time is up.") && strstr(b.out.p, "\"hasNext\":false"),
          "%s", b.out.p);
    CHECK_CODE(ECOM_E_CLOSED, ecom_graphql_rest_next(b.rest, &b.out, &e), e);
    end(&b);
    ecom_graphql_free(g);
}

static void who_goes_away_ends_the_rest(void)
{
    struct begun b;

    CHECK(open_with(NULL), "no schema");
    begin(&b, "{ hello ... @defer { people { friends { name } } } }", 0, 0);
    CHECK(b.rest && !ecom_graphql_rest_is_over(b.rest), "%s", b.out.p);
    end(&b); /* with all that it held, as sanitizers see */
    ecom_graphql_free(g);
}

static void high_cost(ecom_graphql_options *options)
{
    options->limits.max_cost = UINT32_MAX;
}

static void a_full_arena_ends_the_rest(void)
{
    static const char query[] =
        "{ hello ... @defer { people { ...A } } } fragment A on Person { a: friends { ...B } b: "
        "friends "
        "{ ...B } } fragment B on Person { a: friends { ...C } b: friends { ...C } } fragment C on "
        "Person { a: friends { ...D } b: friends { ...D } } fragment D on Person { a: friends { "
        "...E } "
        "b: friends { ...E } } fragment E on Person { a: friends { name } b: friends { name } }";
    struct begun b;
    ecom_error e = {0};
    int r;

    CHECK(open_with(high_cost), "no schema");
    begin(&b, query, 64 << 10, 0);
    CHECK(b.rest, "not begun");
    b.out.n = 0;
    while ((r = ecom_graphql_rest_next(b.rest, &b.out, &e)) == ECOM_OK)
        ;
    CHECK_CODE(ECOM_E_NOMEM, r, e);
    CHECK(b.out.n == 0 && ecom_graphql_rest_is_over(b.rest), "%s", b.out.p);
    CHECK_CODE(ECOM_E_CLOSED, ecom_graphql_rest_next(b.rest, &b.out, &e), e);
    end(&b);
    ecom_graphql_free(g);
}

static const struct check_case cases[] = {
    CASE(they_stand_on_fragments_and_lists),
    CASE(labels_are_static_and_each_another),
    CASE(roots_of_mutations_and_subscriptions_are_not_divided),
    CASE(a_list_is_streamed_once),
    CASE(without_the_option_they_are_unknown),
    CASE(with_it_introspection_tells_of_them),
    CASE(who_takes_one_answer_gets_all_at_once),
    CASE(deferred_fragments_come_after_the_rest),
    CASE(a_field_comes_once_and_as_early_as_anybody_wants_it),
    CASE(fragments_within_fragments_are_announced_when_those_are_complete),
    CASE(one_that_is_ready_does_not_wait_for_deeper_ones),
    CASE(a_resolver_is_called_once_for_all_objects_that_are_due),
    CASE(streamed_items_follow_the_first),
    CASE(a_fragment_that_fails_leaves_the_rest_alone),
    CASE(what_is_nulled_takes_along_what_it_would_have_had),
    CASE(a_list_ends_with_the_item_that_can_not_be_null),
    CASE(each_entry_of_the_former_dialect_names_its_path),
    CASE(more_fragments_than_max_deferred_come_with_the_rest),
    CASE(a_part_has_no_more_items_than_max_items),
    CASE(max_items_is_that_of_all_lists_together),
    CASE(all_parts_together_have_no_more_values_than_max_results),
    CASE(a_fragment_costs_the_same_whenever_it_comes),
    CASE(the_deadline_is_that_of_all_parts),
    CASE(who_goes_away_ends_the_rest),
    CASE(a_full_arena_ends_the_rest),
};

CHECK_MAIN("graphql-parts", cases)
