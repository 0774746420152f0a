/* How much work it is, counted: the engine is compiled once more so that it calls a function of
 * ours wherever it may branch. */
#include "check.h"

#include <ecom/graphql.h>

static uint64_t steps;

/* What -fsanitize-coverage=trace-pc calls. */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    steps++;
}

/* The i-th of n lines of a text. */
typedef int line_fn(ecom_buf *text, int i, int n);

static int objects(ecom_buf *sdl, int i, int n)
{
    return ecom_buf_printf(sdl, "type T%d { a: T%d b(c: Int = 1): [String!] }\n", i, (i + 1) % n);
}

static int extensions_before(ecom_buf *sdl, int i, int n)
{
    (void)n;
    return ecom_buf_printf(sdl, "extend type T%d { b: Int } type T%d { a: Int }\n", i, i);
}

static int extensions_of_one(ecom_buf *sdl, int i, int n)
{
    (void)n;
    return ecom_buf_printf(sdl, "extend type Query { f%d: Int }\n", i);
}

static int implementations(ecom_buf *sdl, int i, int n)
{
    if (i + 1 == n)
        return ecom_buf_append(sdl, S("interface Node { id: ID }\n"));
    return ecom_buf_printf(sdl, "type T%d implements Node { id: ID }\n", i);
}

static int interfaces(ecom_buf *sdl, int i, int n)
{
    (void)n;
    return ecom_buf_printf(sdl, "interface F%d { a: Int } type T%d implements F%d { a: Int }\n", i,
                           i, i);
}

static int members(ecom_buf *sdl, int i, int n)
{
    return ecom_buf_printf(sdl, "type T%d { a: Int } %s%s T%d\n", i,
                           i ? "" : "union U = ", i ? "extend union U =" : "", (i + n - 1) % n);
}

/* Each can be finished only when the one after it can. */
static int inputs(ecom_buf *sdl, int i, int n)
{
    return ecom_buf_printf(sdl, "input I%d { i: I%d%s }\n", i, (i + 1) % n, i + 1 < n ? "!" : "");
}

static int choices(ecom_buf *sdl, int i, int n)
{
    return ecom_buf_printf(sdl, "input I%d @oneOf { a: I%d b: I%d%s }\n", i, (i + 1) % n,
                           (i + 2) % n, i + 1 < n ? "" : " c: Int");
}

/* 0: it failed. */
static uint64_t build(line_fn *line, int n, ecom_error *err)
{
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_graphql *g = NULL;
    ecom_buf sdl = {0};
    int r = ecom_buf_append(&sdl, S("type Query { a: Int }\n"));

    for (int i = 0; i < n && r == ECOM_OK; i++)
        r = line(&sdl, i, n);
    options.sdl = ecom_buf_str(&sdl);
    steps = 0;
    if (r == ECOM_OK)
        r = ecom_graphql_new(&options, &g, NULL, err);
    ecom_graphql_free(g);
    ecom_buf_free(&sdl);
    return r == ECOM_OK ? steps : 0;
}

static void a_schema_of_eight_times_as_many_types_is_eight_times_the_work(void)
{
    static const struct {
        const char *name;
        line_fn *line;
    } table[] = {
        {"objects", objects},
        {"extensions before what they extend", extensions_before},
        {"extensions of one", extensions_of_one},
        {"implementations of one interface", implementations},
        {"interfaces", interfaces},
        {"members of one union", members},
        {"inputs that need the next", inputs},
        {"one-of inputs", choices},
    };
    ecom_error e;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uint64_t few = build(table[i].line, 1000, &e);
        CHECK(few > 1000, "%s: %" PRIu64 " steps: %s", table[i].name, few, e.text);
        uint64_t many = build(table[i].line, 8000, &e);
        CHECK(many && many < 9 * few, "%s: %" PRIu64 " steps, then %" PRIu64 ": %s", table[i].name,
              few, many, many ? "" : e.text);
    }
}

/* ---- documents */

static int same_field(ecom_buf *text, int i, int n)
{
    return ecom_buf_printf(text, "%s a b { a }\n%s", i ? "" : "{", i + 1 < n ? "" : "}");
}

static int aliases(ecom_buf *text, int i, int n)
{
    return ecom_buf_printf(text, "%s a%d: b { a a%d: a }\n%s", i ? "" : "{", i, i,
                           i + 1 < n ? "" : "}");
}

/* All fields of all fragments end under one key. */
static int fragments(ecom_buf *text, int i, int n)
{
    int r = ecom_buf_printf(text, "fragment F%d on Query { b { a b { a } } }\n", i);

    if (i + 1 < n || r < 0)
        return r;
    r = ecom_buf_append(text, (ecom_str){"{", 1});
    for (int k = 0; k < n && r == ECOM_OK; k++)
        r = ecom_buf_printf(text, " ...F%d", k);
    return r < 0 ? r : ecom_buf_append(text, (ecom_str){"}", 1});
}

static int operations(ecom_buf *text, int i, int n)
{
    (void)n;
    return ecom_buf_printf(text, "query Q%d($n: Int) { c(n: $n) }\n", i);
}

static int inline_fragments(ecom_buf *text, int i, int n)
{
    return ecom_buf_printf(text, "%s ... on Query { b { a c(n: 1) } }\n%s", i ? "" : "{",
                           i + 1 < n ? "" : "}");
}

static int arguments(ecom_buf *text, int i, int n)
{
    return ecom_buf_printf(text, "%s c(n: %d)\n%s", i ? "" : "{", i, i + 1 < n ? "" : "}");
}

static int strangers(ecom_buf *text, int i, int n)
{
    return ecom_buf_printf(text, "%s nope%d\n%s", i ? "" : "{", i, i + 1 < n ? "" : "}");
}

/* Steps until it is known that it is valid, or what is wrong; 0: it failed otherwise. */
static uint64_t prepare(ecom_graphql *g, line_fn *line, int n, ecom_error *err)
{
    ecom_graphql_document *document = NULL;
    ecom_buf text = {0}, said = {0};
    int r = ECOM_OK;

    for (int i = 0; i < n && r == ECOM_OK; i++)
        r = line(&text, i, n);
    steps = 0;
    if (r == ECOM_OK)
        r = ecom_graphql_prepare(g, ecom_buf_str(&text), &document, &said, err);
    ecom_graphql_document_unref(document);
    ecom_buf_free(&text);
    ecom_buf_free(&said);
    return r == ECOM_OK || r == ECOM_E_INVAL ? steps : 0;
}

static void a_document_of_eight_times_as_many_fields_is_eight_times_the_work(void)
{
    static const struct {
        const char *name;
        line_fn *line;
    } table[] = {
        {"one field again and again", same_field},
        {"aliases", aliases},
        {"fragments whose fields are one", fragments},
        {"operations", operations},
        {"inline fragments", inline_fragments},
        {"fields that differ in an argument", arguments},
        {"fields that are not there", strangers},
    };
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_graphql *g = NULL;
    ecom_error e;

    options.sdl = ecom_str_of("type Query { a: Int b: Query c(n: Int): Int }");
    options.limits = (ecom_graphql_limits){.size = sizeof(options.limits),
                                           .max_tokens = 1000000,
                                           .max_aliases = 100000,
                                           .max_roots = 100000,
                                           .max_fields = 1000000,
                                           .max_cost = 1000000};
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uint64_t few = prepare(g, table[i].line, 500, &e);
        CHECK(few > 500, "%s: %" PRIu64 " steps: %s", table[i].name, few, e.text);
        uint64_t many = prepare(g, table[i].line, 4000, &e);
        CHECK(many && many < 9 * few, "%s: %" PRIu64 " steps, then %" PRIu64 ": %s", table[i].name,
              few, many, many ? "" : e.text);
    }
    ecom_graphql_free(g);
}

static const struct check_case cases[] = {
    CASE(a_schema_of_eight_times_as_many_types_is_eight_times_the_work),
    CASE(a_document_of_eight_times_as_many_fields_is_eight_times_the_work),
};

CHECK_MAIN("graphql-steps", cases)
