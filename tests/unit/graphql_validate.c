/* The rules of validation, and the limits on what a document asks for. */
#include "check.h"
#include "graphql_world.h"

/* The messages of all errors, one a line; "ok" for none. */
static ecom_buf verdict(ecom_graphql *g, const char *query)
{
    ecom_arena *arena = ecom_arena_new(0);
    ecom_graphql_document *d = NULL;
    ecom_buf response = {0}, out = {0};
    const ecom_json *json = NULL;
    ecom_error e;

    if (ecom_graphql_prepare(g, ecom_str_of(query), &d, &response, &e) == ECOM_OK)
        (void)!ecom_buf_append(&out, S("ok"));
    else if (ecom_json_parse(ecom_buf_str(&response), NULL, arena, &json, &e) == ECOM_OK)
        for (const ecom_json *i = ecom_json_get(json, "errors")->first; i; i = i->next) {
            (void)!ecom_buf_append(&out, ecom_json_get(i, "message")->text);
            (void)!ecom_buf_append(&out, i->next ? S("\n") : S(""));
        }
    ecom_graphql_document_unref(d);
    ecom_buf_free(&response);
    ecom_arena_free(arena);
    return out;
}

struct judged {
    const char *query, *want;
};

static void judge(const struct judged *table, size_t n, const ecom_graphql_limits *limits)
{
    ecom_graphql_options options = world_options();
    ecom_graphql *g = NULL;
    ecom_error e;

    if (limits)
        options.limits = *limits;
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    for (size_t i = 0; i < n; i++) {
        ecom_buf got = verdict(g, table[i].query);
        CHECK(ecom_str_eq(ecom_str_of(table[i].want), ecom_buf_str(&got)),
              "%s\n#   want %s\n#   got  %s", table[i].query, table[i].want, got.p ? got.p : "-");
        ecom_buf_free(&got);
    }
    ecom_graphql_free(g);
}
#define JUDGE(table_) judge(table_, sizeof(table_) / sizeof((table_)[0]), NULL)

static void documents_and_operations(void)
{
    static const struct judged table[] = {
        {"query A { hello } mutation B { append(n: 1) }", "ok"},
        {"{ hello } type T { a: B }", "The \"T\" definition is not executable."},
        {"{ hello } schema { query: Q }", "The schema definition is not executable."},
        {"{ hello } extend type Person { x: Int }", "The \"Person\" definition is not executable."},
        {"query A { hello } query A { hello }", "There can be only one operation named \"A\"."},
        {"{ hello } query A { hello }",
         "This anonymous operation must be the only defined operation."},
        {"subscription { tick }", "ok"},
        {"subscription { tick tick }", "ok"},
        {"subscription S { tick other }",
         "Subscription \"S\" must select only one top level field."},
        {"subscription { tick ...F } fragment F on Subscription { other }",
         "Anonymous Subscription must select only one top level field."},
        {"subscription { __typename }",
         "Anonymous Subscription must not select an introspection top level field."},
        {"subscription { tick @skip(if: true) }",
         "Anonymous Subscription must not use \"@skip\" or \"@include\" directives in the top "
         "level selection."},
    };

    JUDGE(table);
}

static void fields_and_leaves(void)
{
    static const struct judged table[] = {
        {"{ nope }",
         "Cannot query field \"nope\" on type \"Query\". Did you mean \"node\" or \"now\"?"},
        {"{ person(id: 1) { nope { deeper } } }",
         "Cannot query field \"nope\" on type \"Person\". Did you mean \"name\"?"},
        {"{ search { name } }", "Cannot query field \"name\" on type \"Found\". Did you mean to "
                                "use an inline fragment on \"Named\", \"Person\", or \"Robot\"?"},
        {"{ search { __typename } node(id: 1) { __typename } }", "ok"},
        {"{ node(id: 1) { name } }",
         "Cannot query field \"name\" on type \"Node\". Did you mean to use an inline fragment on "
         "\"Named\", \"Person\", or \"Robot\"?"},
        {"{ person(id: 1) { __schema { types { name } } } }",
         "Cannot query field \"__schema\" on type \"Person\"."},
        {"{ hello { a } }",
         "Field \"hello\" must not have a selection since type \"String!\" has no subfields."},
        {"{ people }", "Field \"people\" of type \"[Person!]!\" must have a selection of "
                       "subfields. Did you mean \"people { ... }\"?"},
        {"{ nope1 nope2 }", "Cannot query field \"nope1\" on type \"Query\". Did you mean "
                            "\"node\", \"need\", or \"now\"?\nCannot query field \"nope2\" on type "
                            "\"Query\". Did you mean \"node\", \"need\", or \"now\"?"},
    };

    JUDGE(table);
}

static void fragments(void)
{
    static const struct judged table[] = {
        {"{ ...F }", "Unknown fragment \"F\"."},
        {"{ hello } fragment F on Query { hello }", "Fragment \"F\" is never used."},
        {"{ ...F } fragment F on Query { hello } fragment F on Query { hello }",
         "There can be only one fragment named \"F\".\nFragment \"F\" is never used."},
        {"{ ...F } fragment F on Nope { hello }", "Unknown type \"Nope\". Did you mean \"Node\"?"},
        {"{ ... on Nope { hello } }", "Unknown type \"Nope\". Did you mean \"Node\"?"},
        {"{ ...F } fragment F on Int { hello }",
         "Fragment \"F\" cannot condition on non composite type \"Int\"."},
        {"{ ... on Box { hello } }", "Fragment cannot condition on non composite type \"Box\"."},
        {"{ person(id: 1) { ... on Robot { volts } } }",
         "Fragment cannot be spread here as objects of type \"Person\" can never be of type "
         "\"Robot\"."},
        {"{ person(id: 1) { ...F } } fragment F on Robot { volts }",
         "Fragment \"F\" cannot be spread here as objects of type \"Person\" can never be of type "
         "\"Robot\"."},
        {"{ search { ... on Node { id } ... on Named { name } } }", "ok"},
        {"{ ...F } fragment F on Query { ...F }", "Cannot spread fragment \"F\" within itself."},
        /* What would follow it through its fields would not come to an end. */
        {"{ people { ...F } } fragment F on Person { best { ...F } friends { ...F } }",
         "Cannot spread fragment \"F\" within itself.\nCannot spread fragment \"F\" within "
         "itself."},
        {"{ ...A } fragment A on Query { ...B } fragment B on Query { ...C } "
         "fragment C on Query { ...A }",
         "Cannot spread fragment \"A\" within itself via \"B\", \"C\"."},
    };

    JUDGE(table);
}

static void variables(void)
{
    static const struct judged table[] = {
        {"query($a: Int, $a: Int) { need(int: $a) }",
         "There can be only one variable named \"$a\".\nVariable \"$a\" of type \"Int\" used in "
         "position expecting type \"Int!\"."},
        {"query Q { need(int: $a) }", "Variable \"$a\" is not defined by operation \"Q\"."},
        {"query Q($a: Int) { hello }", "Variable \"$a\" is never used in operation \"Q\"."},
        {"query Q($a: Int!) { ...F } fragment F on Query { need(int: $a) }", "ok"},
        {"query Q { ...F } fragment F on Query { need(int: $a) }",
         "Variable \"$a\" is not defined by operation \"Q\"."},
        {"query($a: Person) { hello @mark(by: $a) }",
         "Variable \"$a\" cannot be non-input type \"Person\".\nVariable \"$a\" of type \"Person\" "
         "used in position expecting type \"String!\"."},
        {"query($a: Nope) { echo(any: $a) }", "Unknown type \"Nope\". Did you mean \"Node\"?"},
        {"query($a: Int) { need(int: $a) }",
         "Variable \"$a\" of type \"Int\" used in position expecting type \"Int!\"."},
        {"query($a: Int = 1) { need(int: $a) }", "ok"},
        {"query($a: Int = null) { need(int: $a) }",
         "Variable \"$a\" of type \"Int\" used in position expecting type \"Int!\"."},
        {"query($a: Int) { need(int: 1, other: $a) }", "ok"},
        {"query($a: [Int]) { echo(ints: $a) }",
         "Variable \"$a\" of type \"[Int]\" used in position expecting type \"[Int!]\"."},
        {"query($a: [Int!]!) { echo(ints: $a) }", "ok"},
        {"query($a: Int!) { echo(ints: $a) }",
         "Variable \"$a\" of type \"Int!\" used in position expecting type \"[Int!]\"."},
        {"query($a: Int!) { echo(ints: [$a], box: {w: $a, h: $a}) }", "ok"},
        {"query($a: String) { echo(box: {w: $a}) }",
         "Variable \"$a\" of type \"String\" used in position expecting type \"Int!\"."},
        {"query($a: Int) { echo(pick: {a: $a}) }",
         "Variable \"$a\" is of type \"Int\" but must be non-nullable to be used for OneOf Input "
         "Object \"Pick\"."},
        {"query($a: Int = \"x\") { need(int: 1, other: $a) }",
         "Int cannot represent non-integer value: \"x\""},
        {"query($a: Boolean!) { hello @skip(if: $a) }", "ok"},
    };

    JUDGE(table);
}

static void arguments_and_directives(void)
{
    static const struct judged table[] = {
        {"{ hello(nope: 1) }",
         "Unknown argument \"nope\" on field \"Query.hello\". Did you mean \"name\"?"},
        {"{ hello(name: \"a\", name: \"b\") }", "There can be only one argument named \"name\"."},
        {"{ need }",
         "Field \"need\" argument \"int\" of type \"Int!\" is required, but it was not provided."},
        {"{ hello @nope }", "Unknown directive \"@nope\"."},
        {"{ hello @skip }", "Directive \"@skip\" argument \"if\" of type \"Boolean!\" is required, "
                            "but it was not provided."},
        {"{ hello @skip(if: true, nope: 1) }", "Unknown argument \"nope\" on directive \"@skip\"."},
        {"{ hello @skip(if: true) @skip(if: true) }",
         "The directive \"@skip\" can only be used once at this location."},
        {"{ hello @mark(by: \"a\") @mark(by: \"b\") }", "ok"},
        {"query @skip(if: true) { hello }", "Directive \"@skip\" may not be used on QUERY."},
        {"query @mark(by: \"x\") { hello }", "ok"},
        {"query($a: Int @mark(by: \"x\")) { echo(int: $a) }",
         "Directive \"@mark\" may not be used on VARIABLE_DEFINITION."},
        {"{ ...F @mark(by: \"x\") } fragment F on Query @mark(by: \"y\") { hello }",
         "Directive \"@mark\" may not be used on FRAGMENT_SPREAD.\nDirective \"@mark\" may not be "
         "used on FRAGMENT_DEFINITION."},
    };

    JUDGE(table);
}

static void literals(void)
{
    static const struct judged table[] = {
        {"{ echo(int: 1.5) }", "Int cannot represent non-integer value: 1.5"},
        {"{ echo(int: \"1\") }", "Int cannot represent non-integer value: \"1\""},
        {"{ echo(int: 2147483647) }", "ok"},
        {"{ echo(int: -2147483648) }", "ok"},
        {"{ echo(int: 2147483648) }",
         "Int cannot represent non 32-bit signed integer value: 2147483648"},
        {"{ echo(float: 1) }", "ok"},
        {"{ echo(float: \"1\") }", "Float cannot represent non numeric value: \"1\""},
        {"{ echo(string: 1) }", "String cannot represent a non string value: 1"},
        {"{ echo(string: A) }", "String cannot represent a non string value: A"},
        {"{ echo(bool: 1) }", "Boolean cannot represent a non boolean value: 1"},
        {"{ echo(id: 1.5) }", "ID cannot represent a non-string and non-integer value: 1.5"},
        {"{ echo(color: RED) }", "ok"},
        {"{ echo(color: PINK) }", "Value \"PINK\" does not exist in \"Color\" enum."},
        {"{ echo(color: \"RED\") }", "Enum \"Color\" cannot represent non-enum value: \"RED\". Did "
                                     "you mean the enum value \"RED\" or \"GREEN\"?"},
        {"{ echo(ints: [1, null]) }", "Expected value of type \"Int!\", found null."},
        {"{ need(int: null) }", "Expected value of type \"Int!\", found null."},
        {"{ echo(box: {h: 1}) }", "Field \"Box.w\" of required type \"Int!\" was not provided."},
        {"{ echo(box: {w: 1, x: 1}) }",
         "Field \"x\" is not defined by type \"Box\". Did you mean \"h\" or \"w\"?"},
        {"{ echo(box: {w: 1, w: 2}) }", "There can be only one input field named \"w\"."},
        {"{ echo(box: 1) }", "Expected value of type \"Box\", found 1."},
        {"{ echo(pick: {a: 1, b: \"x\"}) }",
         "OneOf Input Object \"Pick\" must specify exactly one key."},
        {"{ echo(pick: {}) }", "OneOf Input Object \"Pick\" must specify exactly one key."},
        {"{ echo(pick: {a: null}) }", "Field \"Pick.a\" must be non-null."},
        {"{ echo(money: \"x\") }",
         "Expected value of type \"Money\", found \"x\"; it must be a number."},
        {"{ echo(any: {a: [1, {b: C}]}) }", "ok"},
    };

    JUDGE(table);
}

#define USE "Use different aliases on the fields to fetch both if this was intentional."

static void fields_under_one_key_must_agree(void)
{
    static const struct judged table[] = {
        {"{ hello hello }", "ok"},
        {"{ a: hello a: price }", "Fields \"a\" conflict because they return conflicting types "
                                  "\"String!\" and \"Money!\". " USE},
        {"{ a: fails a: person(id: 1) { id } }",
         "Fields \"a\" conflict because they return conflicting types \"String\" and "
         "\"Person\". " USE},
        {"{ a: old a: bigInt }",
         "Fields \"a\" conflict because \"old\" and \"bigInt\" are different fields. " USE},
        {"{ hello(name: \"a\") hello(name: \"b\") }",
         "Fields \"hello\" conflict because they have differing arguments. " USE},
        {"{ hello(name: \"a\") hello }",
         "Fields \"hello\" conflict because they have differing arguments. " USE},
        {"{ echo(box: {w: 1, h: 2}) echo(box: {h: 2, w: 1}) }", "ok"},
        {"{ person(id: 1) { x: name } person(id: 1) { x: id } }",
         "Fields \"person\" conflict because subfields \"x\" conflict because they return "
         "conflicting types \"String\" and \"ID!\". " USE},
        {"{ person(id: 1) { best { x: name } } ...F } "
         "fragment F on Query { person(id: 1) { best { x: name(upper: true) } } }",
         "Fields \"person\" conflict because subfields \"best\" conflict because subfields \"x\" "
         "conflict because they have differing arguments. " USE},
        {"{ search { ... on Person { n: name } ... on Robot { n: name(upper: true) } } }", "ok"},
        {"{ search { ... on Person { n: age } ... on Robot { n: volts } } }",
         "Fields \"n\" conflict because they return conflicting types \"Int\" and \"Float\". " USE},
        {"{ node(id: 1) { ... on Named { n: name } ... on Person { n: name(upper: true) } } }",
         "Fields \"n\" conflict because they have differing arguments. " USE},
        {"{ node(id: 1) { ... on Person { f: best { n: name } } "
         "... on Robot { f: owner { n: name(upper: true) } } } }",
         "ok"},
        {"{ node(id: 1) { ... on Person { f: best { n: name } } "
         "... on Robot { f: owner { n: age } } } }",
         "Fields \"f\" conflict because subfields \"n\" conflict because they return conflicting "
         "types \"String\" and \"Int\". " USE},
    };

    JUDGE(table);
}

static void limits_name_themselves_one_above(void)
{
    ecom_graphql_limits l = {.size = sizeof(l),
                             .max_depth = 3,
                             .max_aliases = 2,
                             .max_roots = 3,
                             .max_directives = 2,
                             .max_fields = 6,
                             .max_nesting = 5};
    static const struct judged table[] = {
        {"{ person(id: 1) { best { id } } }", "ok"},
        {"{ person(id: 1) { best { best { id } } } }",
         "The document has depth 4, more than 3 (max_depth)."},
        {"{ person(id: 1) { ...F } } fragment F on Person { best { best { id } } }",
         "The document has depth 4, more than 3 (max_depth)."},
        {"{ a: hello b: hello }", "ok"},
        {"{ a: hello b: hello c: hello }",
         "The document has aliases: 3, more than 2 (max_aliases)."},
        {"{ hello price old }", "ok"},
        {"{ hello price old now }", "The document has root fields: 4, more than 3 (max_roots)."},
        {"{ hello ...F ...F } fragment F on Query { price old }",
         "The document has root fields: 5, more than 3 (max_roots)."},
        {"{ hello @mark(by: \"a\") @mark(by: \"b\") @mark(by: \"c\") }",
         "The document has directives: 3, more than 2 (max_directives)."},
        {"{ people { id name age } search { __typename } }", "ok"},
        {"{ people { id name age best { id } } search { __typename } }",
         "The document has fields (fragments spread): 8, more than 6 (max_fields)."},
        {"{...{...{...{...{...{ hello }}}}}}",
         "Syntax Error: Document is nested deeper than 5 levels (max_nesting). Parsing aborted."},
    };

    judge(table, sizeof(table) / sizeof(table[0]), &l);
}

/* Fragments that spread the next one twice: 2^n fields from n lines. */
static void fragments_squared_are_counted_without_being_spread(void)
{
    ecom_graphql *g = world_open();
    ecom_buf text = {0};

    CHECK(g, "no schema");
    CHECK_I64(ECOM_OK, ecom_buf_append(&text, S("{ person(id: 1) { ...F0 } } ")));
    for (int i = 0; i < 12; i++)
        CHECK_I64(ECOM_OK,
                  ecom_buf_printf(&text,
                                  "fragment F%d on Person { best { ...F%d } strict { ...F%d } } ",
                                  i, i + 1, i + 1));
    CHECK_I64(ECOM_OK, ecom_buf_append(&text, S("fragment F12 on Person { id }")));
    ecom_buf got = verdict(g, text.p);
    CHECK_STR("The document has fields (fragments spread): 12287, more than 5000 (max_fields).",
              ecom_buf_str(&got));
    ecom_buf_free(&got);
    ecom_buf_free(&text);
    ecom_graphql_free(g);
}

/* A circle as long as the document, and a chain as long. */
static void long_chains_of_fragments_do_not_go_deep(void)
{
    ecom_graphql *g = world_open();

    CHECK(g, "no schema");
    for (int closed = 0; closed < 2; closed++) {
        ecom_buf text = {0};
        CHECK_I64(ECOM_OK, ecom_buf_append(&text, S("{ ...F0 } ")));
        for (int i = 0; i < 1000; i++)
            CHECK_I64(ECOM_OK, ecom_buf_printf(&text, "fragment F%d on Query { ...F%d } ", i,
                                               closed ? (i + 1) % 1000 : i + 1));
        CHECK_I64(ECOM_OK, ecom_buf_append(&text, S("fragment F1000 on Query { hello }")));
        ecom_buf got = verdict(g, text.p);
        CHECK(got.p &&
                  strstr(got.p, "nested deeper than 64 levels, fragments spread (max_nesting)"),
              "%s", got.p ? got.p : "-");
        ecom_buf_free(&got);
        ecom_buf_free(&text);
    }
    ecom_graphql_free(g);
}

static void errors_stop_at_a_hundred(void)
{
    ecom_graphql_options options = world_options();
    ecom_graphql *g = NULL;
    ecom_buf text = {0};
    ecom_error e;
    int lines = 1;

    options.limits.max_roots = 1000;
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    CHECK_I64(ECOM_OK, ecom_buf_append(&text, S("{")));
    for (int i = 0; i < 300; i++)
        CHECK_I64(ECOM_OK, ecom_buf_printf(&text, " x%d", i));
    CHECK_I64(ECOM_OK, ecom_buf_append(&text, S("}")));
    ecom_buf got = verdict(g, text.p);
    for (size_t i = 0; i < got.n; i++)
        lines += got.p[i] == '\n';
    CHECK_I64(101, lines);
    CHECK(strstr(got.p, "Too many validation errors, error limit reached. Validation aborted."),
          "%s", got.p);
    ecom_buf_free(&got);
    ecom_buf_free(&text);
    ecom_graphql_free(g);
}

static void introspection_can_be_switched_off(void)
{
    ecom_graphql_options options = world_options();
    ecom_graphql *g = NULL;
    ecom_error e;

    options.no_introspection = 1;
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    ecom_buf got = verdict(g, "{ __typename __schema { types { name } } }");
    CHECK_STR("GraphQL introspection has been disabled, but the requested query contained the "
              "field \"__schema\".",
              ecom_buf_str(&got));
    ecom_buf_free(&got);
    ecom_graphql_free(g);
}

static void without_introspection_no_names_are_given_away(void)
{
    static const char *const queries[] = {
        "{ nope }",
        "{ hello(nam: 1) }",
        "query($a: Perso) { echo(any: $a) }",
        "{ echo(color: REDD) }",
        "{ echo(box: {w: 1, lable: 1}) }",
        "{ search { name } }",
    };
    ecom_graphql_options options = world_options();
    ecom_graphql *g = NULL;
    ecom_error e;

    for (int off = 0; off < 2; off++) {
        options.no_introspection = off;
        CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
        for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
            ecom_buf got = verdict(g, queries[i]);
            CHECK((strstr(got.p, "Did you mean") == NULL) == off, "%s: %s", queries[i], got.p);
            ecom_buf_free(&got);
        }
        ecom_graphql_free(g);
    }
}

/* Fields that are not there, each beside many that are: looking for what was meant ends early. */
static void suggestions_cost_little_whatever_is_asked(void)
{
    ecom_buf sdl = {0}, query = {0};
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_graphql *g = NULL;
    ecom_error e;

    (void)!ecom_buf_append(&sdl, S("type Query {"));
    (void)!ecom_buf_append(&query, S("{"));
    for (int i = 0; i < 2000; i++)
        (void)!ecom_buf_printf(&sdl, " a_field_with_quite_a_long_name_and_a_number_%d: Int", i);
    for (int i = 0; i < 40; i++)
        (void)!ecom_buf_printf(&query, " a_feild_with_quite_a_long_name_and_a_number_%d", i);
    (void)!ecom_buf_append(&sdl, S(" }"));
    (void)!ecom_buf_append(&query, S(" }"));
    options.sdl = ecom_buf_str(&sdl);
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    ecom_buf got = verdict(g, query.p);
    CHECK(
        strstr(got.p,
               "on type \"Query\". Did you mean \"a_field_with_quite_a_long_name_and_a_number_0\""),
        "%.300s", got.p);
    const char *last = strrchr(got.p, '\n');
    CHECK(last && !strstr(last, "Did you mean"), "%s", last ? last : "-");
    ecom_buf_free(&got);
    ecom_buf_free(&sdl);
    ecom_buf_free(&query);
    ecom_graphql_free(g);
}

static void errors_come_in_the_order_of_the_document(void)
{
    static const struct judged table[] = {
        {"query A($x: Nope) { a @nope need ...F } fragment F on Query { b } fragment G on Int { c "
         "}",
         "Unknown type \"Nope\". Did you mean \"Node\"?\n"
         "Cannot query field \"a\" on type \"Query\".\n"
         "Unknown directive \"@nope\".\n"
         "Field \"need\" argument \"int\" of type \"Int!\" is required, but it was not provided.\n"
         "Variable \"$x\" is never used in operation \"A\".\n"
         "Cannot query field \"b\" on type \"Query\".\n"
         "Fragment \"G\" cannot condition on non composite type \"Int\".\n"
         "Fragment \"G\" is never used."},
        {"{ x: hello x: old nope }",
         "Fields \"x\" conflict because they return conflicting types \"String!\" and \"Int\". Use "
         "different aliases on the fields to fetch both if this was intentional.\n"
         "Cannot query field \"nope\" on type \"Query\". Did you mean \"node\" or \"now\"?"},
    };

    JUDGE(table);
}

static const struct check_case cases[] = {
    CASE(documents_and_operations),
    CASE(fields_and_leaves),
    CASE(fragments),
    CASE(variables),
    CASE(arguments_and_directives),
    CASE(literals),
    CASE(fields_under_one_key_must_agree),
    CASE(limits_name_themselves_one_above),
    CASE(fragments_squared_are_counted_without_being_spread),
    CASE(long_chains_of_fragments_do_not_go_deep),
    CASE(errors_stop_at_a_hundred),
    CASE(introspection_can_be_switched_off),
    CASE(without_introspection_no_names_are_given_away),
    CASE(suggestions_cost_little_whatever_is_asked),
    CASE(errors_come_in_the_order_of_the_document),
};

CHECK_MAIN("graphql-validate", cases)
