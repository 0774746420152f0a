/* Schemas: what is refused and why, introspection, printing. */
#include "check.h"
#include "graphql_world.h"

static void problems_are_named_with_their_place(void)
{
    static const struct {
        const char *sdl, *want;
    } table[] = {
        {"", "1:1: Syntax Error: Unexpected <EOF>."},
        {"type Query { a: Int", "1:20: Syntax Error: Expected Name, found <EOF>."},
        {"type A { a: Int }", "Query root type must be provided."},
        {"type Query { a: Nope }", "1:17: Unknown type \"Nope\"."},
        {"type Query { a(b: Nope): Int }", "1:19: Unknown type \"Nope\"."},
        {"type Query { a: Int } type Query { b: Int }",
         "1:28: There can be only one type named \"Query\"."},
        {"type Query { a: Int a: Int }", "1:21: Field \"Query.a\" can only be defined once."},
        {"type Query", "1:6: Type Query must define one or more fields."},
        {"type Query { __a: Int }", "1:14: Name \"__a\" must not begin with \"__\", which is "
                                    "reserved by GraphQL introspection."},
        {"type Query { a: I } input I { b: Int }",
         "1:14: The type of Query.a must be Output Type but got: I."},
        {"type Query { a(b: Query): Int }",
         "1:16: The type of Query.a(b:) must be Input Type but got: Query."},
        {"type Query { a(b: Int! @deprecated): Int }",
         "1:16: Required argument Query.a(b:) cannot be deprecated."},
        {"type Query { a: Int } enum E { A A }",
         "1:34: Enum value \"E.A\" can only be defined once."},
        {"type Query { a: Int } enum E", "1:28: Enum type E must define one or more values."},
        {"type Query { a: Int } union U",
         "1:29: Union type U must define one or more member types."},
        {"type Query { a: Int } union U = Int",
         "1:33: Union type U can only include Object types, it cannot include Int."},
        {"type Query { a: Int } union U = Query | Query",
         "1:41: Union type U can only include type Query once."},
        {"type Query { a: Int } input I",
         "1:29: Input Object type I must define one or more fields."},
        {"type Query { a: Int } input I { a: Query }",
         "1:33: The type of I.a must be Input Type but got: Query."},
        {"type Query { a: Int } input I { i: I! }",
         "1:33: Input Object I cannot be provided a finite value because it references itself "
         "through fields: I.i."},
        {"type Query { a: Int } input I { a: I b: [I!]! c: J! } input J { a: Int! b: I! }",
         "1:47: Input Object I cannot be provided a finite value because it references itself "
         "through fields: I.c, J.b."},
        {"type Query { a: Int } input I { j: J! } input J @oneOf { j: J k: K } "
         "input K @oneOf { j: J }",
         "1:58: Input Object J cannot be provided a finite value because it references itself "
         "through fields: J.j."},
        {"directive @a(b: Int @a) on ARGUMENT_DEFINITION type Query { a: Int }",
         "1:14: Directive @a cannot be used within its own definition, which it is through: "
         "@a(b:)."},
        {"directive @a(x: Int b: Int @c) on ARGUMENT_DEFINITION type Query { a: Int } "
         "directive @c(d: Int @a) on ARGUMENT_DEFINITION",
         "1:21: Directive @a cannot be used within its own definition, which it is through: "
         "@a(b:), @c(d:).\n"
         "1:90: Directive @c cannot be used within its own definition, which it is through: "
         "@c(d:), @a(b:)."},
        {"directive @a(i: I) on ENUM_VALUE input I { i: I e: [E!] } enum E { A B @a } "
         "type Query { a: Int }",
         "1:14: Directive @a cannot be used within its own definition, which it is through: "
         "@a(i:), I.e, E.B."},
        {"directive @a(s: S) on SCALAR scalar S @a type Query { a: Int }",
         "1:14: Directive @a cannot be used within its own definition, which it is through: "
         "@a(s:), S."},
        {"type Query { a: Int } input I @oneOf { a: Int! }",
         "1:40: OneOf input field I.a must be nullable."},
        {"type Query { a: Int } input I @oneOf { a: Int = 1 }",
         "1:40: OneOf input field I.a cannot have a default value."},
        {"type Query { a(b: Int = \"x\"): Int }",
         "1:25: The default value of \"b\" does not fit its type Int."},
        {"type Query { a: Int } input I { a: I = {} }",
         "1:33: Invalid circular reference: the default value of \"a\" needs itself."},
        {"type Query implements I { a: Int } interface I { b: Int }",
         "1:6: Interface field I.b expected but Query does not provide it."},
        {"type Query implements I { b: String } interface I { b: Int }",
         "1:27: Interface field I.b expects type Int but Query.b is type String."},
        {"type Query implements I { b: Int } interface I { b(c: Int): Int }",
         "1:27: Interface field argument I.b(c:) expected but Query.b does not provide it."},
        {"type Query implements I { b(c: Int!): Int } interface I { b: Int }",
         "1:29: Argument \"Query.b(c:)\" must not be required type \"Int!\" if not provided by the "
         "Interface field \"I.b\"."},
        {"type Query implements I { b: Int } interface I implements J { b: Int } "
         "interface J { b: Int }",
         "1:6: Type Query must implement J because it is implemented by I."},
        {"type Query implements Query { b: Int }",
         "1:23: Type Query must only implement Interface types, it cannot implement Query."},
        {"interface I implements I { b: Int } type Query { b: Int }",
         "1:24: Type I cannot implement itself because it would create a circular reference."},
        {"type Query { a: Int } extend type Nope { a: Int }",
         "1:35: Cannot extend type \"Nope\" because it is not defined."},
        {"type Query { a: Int } extend enum Query { A }",
         "1:35: Cannot extend non-enum type \"Query\"."},
        {"schema { query: A } schema { query: A } type A { a: Int }",
         "1:21: Must provide only one schema definition."},
        {"schema { query: A mutation: A } type A { a: Int }",
         "1:38: All root types must be different, \"A\" type is used as Query and Mutation root "
         "types."},
        {"schema { query: E } enum E { A }",
         "1:26: Query root type must be Object type, it cannot be E."},
        {"directive @a(b: Query) on FIELD type Query { a: Int }",
         "1:14: The type of @a(b:) must be Input Type but got: Query."},
        {"type Query @nope { a: Int }", "1:12: Unknown directive \"@nope\"."},
        {"type Query { a: Int @skip(if: true) }",
         "1:21: Directive \"@skip\" may not be used on FIELD_DEFINITION."},
        {"directive @d(n: Int!) on OBJECT type Query @d { a: Int }",
         "1:44: Directive \"@d\" argument \"n\" of type \"Int!\" is required, but it was not "
         "provided."},
        {"directive @d(n: Int!) on OBJECT type Query @d(n: \"1\") { a: Int }",
         "1:50: Int cannot represent non-integer value: \"1\""},
        {"directive @d(n: Int) on OBJECT type Query @d(m: 1) { a: Int }",
         "1:46: Unknown argument \"m\" on directive \"@d\". Did you mean \"n\"?"},
        {"directive @d on OBJECT type Query @d { a: Int } extend type Query @d { b: Int }",
         "1:35: The directive \"@d\" can only be used once at this location."},
        {"directive @d on OBJECT type Query { a(b: Int @d): Int }",
         "1:46: Directive \"@d\" may not be used on ARGUMENT_DEFINITION."},
        {"directive @d on OBJECT enum E @d { A @d } input I { a: Int @d } type Query { a: Int }",
         "1:31: Directive \"@d\" may not be used on ENUM.\n"
         "1:38: Directive \"@d\" may not be used on ENUM_VALUE.\n"
         "1:60: Directive \"@d\" may not be used on INPUT_FIELD_DEFINITION."},
        {"directive @d on OBJECT extend schema @d type Query { a: Int }",
         "1:38: Directive \"@d\" may not be used on SCHEMA."},
        {"{ a }", "1:1: The schema's text must hold definitions of types, no operations or "
                  "fragments."},
    };
    ecom_error e;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
        ecom_graphql *g = NULL;
        ecom_buf all = {0};
        options.sdl = ecom_str_of(table[i].sdl);
        int r = ecom_graphql_new(&options, &g, &all, &e);
        CHECK(r == ECOM_E_INVAL && all.p &&
                  strncmp(all.p, table[i].want, strlen(table[i].want)) == 0,
              "%s\n#   want %s\n#   got  %s %s", table[i].sdl, table[i].want, check_code(r),
              all.p ? all.p : "-");
        CHECK(!g, "a handle");
        ecom_buf_free(&all);
    }
}

/* Circles of types alone are fine, as long as a value comes to an end. */
static void definitions_may_need_others_that_come_to_an_end(void)
{
    static const char *const table[] = {
        "input I { i: I j: [J!]! } input J { i: I! }",
        "input I @oneOf { i: I n: Int }",
        "input I @oneOf { i: [I] }",
        "directive @a(i: I) on INPUT_OBJECT input I { i: I } input J @a { i: I }",
        "directive @a(b: I @c) on OBJECT directive @c(i: I) on ARGUMENT_DEFINITION input I {i: I}",
    };
    ecom_error e;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
        ecom_graphql *g = NULL;
        char sdl[200];
        snprintf(sdl, sizeof(sdl), "type Query { a(i: I): Int } %s", table[i]);
        options.sdl = ecom_str_of(sdl);
        CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
        ecom_graphql_free(g);
    }
}

/* However long the way round is. */
static void long_circles_are_found(void)
{
    enum { LENGTH = 20000 };
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_graphql *g = NULL;
    ecom_buf sdl = {0}, all = {0};
    ecom_error e;

    CHECK_I64(ECOM_OK, ecom_buf_append(&sdl, S("directive @a(i: I0) on INPUT_FIELD_DEFINITION ")));
    for (int i = 0; i < LENGTH; i++)
        CHECK_I64(ECOM_OK, ecom_buf_printf(&sdl, "input I%d { i: I%d! %s }\n", i, (i + 1) % LENGTH,
                                           i + 1 == LENGTH ? "j: Int @a" : ""));
    CHECK_I64(ECOM_OK, ecom_buf_append(&sdl, S("type Query { a: Int }")));
    options.sdl = ecom_buf_str(&sdl);
    CHECK_CODE(ECOM_E_INVAL, ecom_graphql_new(&options, &g, &all, &e), e);
    CHECK(all.p && strstr(all.p, "Directive @a cannot be used within its own definition"), "%s",
          all.p ? all.p : "-");
    CHECK(all.p && strstr(all.p, "Input Object I0 cannot be provided a finite value"), "%s",
          all.p ? all.p : "-");
    ecom_buf_free(&sdl);
    ecom_buf_free(&all);
}

/* However many there are, no schema's text drives this into the stack's end. */
static void default_values_need_each_other_a_hundred_deep(void)
{
    for (int n = 100; n <= 101; n++) {
        ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
        ecom_graphql *g = NULL;
        ecom_buf sdl = {0};
        ecom_error e;
        CHECK_I64(ECOM_OK, ecom_buf_append(&sdl, S("type Query { a: Int }")));
        for (int i = 0; i < n; i++)
            CHECK_I64(ECOM_OK, ecom_buf_printf(&sdl, "\ninput I%d { f%d: %s%.0d = %s }", i, i,
                                               i + 1 < n ? "I" : "Int", i + 1 < n ? i + 1 : 0,
                                               i + 1 < n ? "{}" : "1"));
        options.sdl = ecom_buf_str(&sdl);
        CHECK_CODE(n == 100 ? ECOM_OK : ECOM_E_INVAL, ecom_graphql_new(&options, &g, NULL, &e), e);
        CHECK(g || strstr(e.text, "102:14: The default value of \"f100\" is needed by 100 others"),
              "%s", e.text);
        ecom_graphql_free(g);
        ecom_buf_free(&sdl);
    }
}

static void resolvers_must_fit_the_schema(void)
{
    static const struct {
        ecom_graphql_resolver line;
        const char *want;
    } table[] = {
        {{"Nope", "a", ecom_graphql_resolve_json, NULL},
         "Resolver for Nope.a: there is no such type."},
        {{"Query", "b", ecom_graphql_resolve_json, NULL},
         "Resolver for Query.b: there is no such field."},
        {{"Nope", "*", ecom_graphql_resolve_json, NULL},
         "Resolver for Nope.*: there is no such type."},
    };
    ecom_error e;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
        ecom_graphql *g;
        options.sdl = S("type Query { a: Int }");
        options.resolvers = &table[i].line;
        options.nresolvers = 1;
        CHECK_CODE(ECOM_E_INVAL, ecom_graphql_new(&options, &g, NULL, &e), e);
        CHECK_TEXT(table[i].want, e);
    }
}

static const char tidy[] =
    "\"whole\"\nschema @own(n: 0) {\n  query: Q\n}\n\n"
    "directive @a(b: Int = 1) repeatable on FIELD | QUERY\n\n"
    "directive @own(n: Int) repeatable on SCHEMA | OBJECT | ENUM | ENUM_VALUE | FIELD_DEFINITION"
    " | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION\n\n"
    "enum E @own(n: 1) @own(n: 2) {\n  A\n  \"b\"\n  B @deprecated @own\n  C @deprecated(reason: "
    "\"x\")\n}\n\n"
    "input I @oneOf {\n  a: Int @own\n  \"b\"\n  b: [E!]\n}\n\n"
    "interface N implements M {\n  a: Int\n}\n\n"
    "\"\"\"\nlong\n  text\n\"\"\"\n"
    "type Q implements N & M @own(n: 1) {\n  a: Int\n  \"f\"\n  f(\n    \"g\"\n    g: Int = 1\n    "
    "h: I @own\n  ): "
    "[E!]! @own(n: 3)\n}\n\n"
    "scalar S @specifiedBy(url: \"u\")\n\n"
    "union U = Q\n";

static void a_schema_prints_as_what_it_is(void)
{
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_graphql *g;
    ecom_buf out = {0};
    ecom_error e;

    options.sdl =
        S("\"whole\" schema{query:Q} scalar S@specifiedBy(url:\"u\") enum E@own(n:1){A \"b\"B"
          "@deprecated@own} extend enum E@own(n:2){C@deprecated(reason:\"x\")} input I@oneOf"
          "{a:Int@own \"b\"b:[E!]} interface M{a:Int} union U=|Q directive@a(b:Int=1)repeatable on"
          "|FIELD|QUERY \"\"\"\n long\n   text\n\"\"\" type Q implements N&M{a:Int} extend schema"
          "@own(n:0) extend type Q@own(n:1){\"f\"f(\"g\"g:Int=1 h:I@own):[E!]!@own(n:3)} "
          "interface N implements M{a:Int} directive@own(n:Int)repeatable on SCHEMA|OBJECT|ENUM|"
          "ENUM_VALUE|FIELD_DEFINITION|ARGUMENT_DEFINITION|INPUT_FIELD_DEFINITION scalar ID");
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    CHECK_I64(ECOM_OK, ecom_graphql_print(g, &out));
    ecom_graphql_free(g);
    char want[2000];
    const char *m = strstr(tidy, "interface N");
    snprintf(want, sizeof(want), "%.*sinterface M {\n  a: Int\n}\n\n%s", (int)(m - tidy), tidy, m);
    CHECK_STR(want, ecom_buf_str(&out));
    options.sdl = ecom_buf_str(&out);
    CHECK_CODE(ECOM_OK, ecom_graphql_new(&options, &g, NULL, &e), e);
    ecom_buf again = {0};
    CHECK_I64(ECOM_OK, ecom_graphql_print(g, &again));
    CHECK_STR(out.p, ecom_buf_str(&again));
    ecom_graphql_free(g);
    ecom_buf_free(&out);
    ecom_buf_free(&again);
}

static void introspection_tells_of_types(void)
{
    static const struct {
        const char *query, *want;
    } table[] = {
        {"{ __type(name: \"Nope\") { name } }", "{\"data\":{\"__type\":null}}"},
        {"{ __type(name: \"Color\") { kind name enumValues { name } all: "
         "enumValues(includeDeprecated: true) { name isDeprecated deprecationReason } } }",
         "{\"data\":{\"__type\":{\"kind\":\"ENUM\",\"name\":\"Color\",\"enumValues\":[{\"name\":"
         "\"RED\"},{\"name\":\"GREEN\"}],\"all\":[{\"name\":\"RED\",\"isDeprecated\":false,"
         "\"deprecationReason\":null},{\"name\":\"GREEN\",\"isDeprecated\":false,"
         "\"deprecationReason\":null},{\"name\":\"BLUE\",\"isDeprecated\":true,"
         "\"deprecationReason\":\"No longer supported\"}]}}}"},
        {"{ __type(name: \"Box\") { kind fields { name } inputFields { name defaultValue type { "
         "kind name ofType { kind name ofType { name } } } } isOneOf } }",
         "{\"data\":{\"__type\":{\"kind\":\"INPUT_OBJECT\",\"fields\":null,\"inputFields\":["
         "{\"name\":\"w\",\"defaultValue\":null,\"type\":{\"kind\":\"NON_NULL\",\"name\":null,"
         "\"ofType\":{\"kind\":\"SCALAR\",\"name\":\"Int\",\"ofType\":null}}},"
         "{\"name\":\"h\",\"defaultValue\":\"2\",\"type\":{\"kind\":\"SCALAR\",\"name\":\"Int\","
         "\"ofType\":null}},"
         "{\"name\":\"label\",\"defaultValue\":null,\"type\":{\"kind\":\"SCALAR\",\"name\":"
         "\"String\",\"ofType\":null}},"
         "{\"name\":\"inner\",\"defaultValue\":null,\"type\":{\"kind\":\"INPUT_OBJECT\",\"name\":"
         "\"Box\",\"ofType\":null}},"
         "{\"name\":\"colors\",\"defaultValue\":\"[RED]\",\"type\":{\"kind\":\"LIST\",\"name\":"
         "null,\"ofType\":{\"kind\":\"NON_NULL\",\"name\":null,\"ofType\":{\"name\":\"Color\"}}}}]"
         ",\"isOneOf\":false}}}"},
        {"{ __type(name: \"Node\") { kind possibleTypes { name } interfaces { name } } }",
         "{\"data\":{\"__type\":{\"kind\":\"INTERFACE\",\"possibleTypes\":[{\"name\":\"Person\"},"
         "{\"name\":\"Robot\"}],\"interfaces\":[]}}}"},
        {"{ __type(name: \"Found\") { kind possibleTypes { name } interfaces { name } fields { "
         "name } } }",
         "{\"data\":{\"__type\":{\"kind\":\"UNION\",\"possibleTypes\":[{\"name\":\"Person\"},"
         "{\"name\":\"Robot\"}],\"interfaces\":null,\"fields\":null}}}"},
        {"{ __type(name: \"Any\") { kind specifiedByURL isOneOf } }",
         "{\"data\":{\"__type\":{\"kind\":\"SCALAR\",\"specifiedByURL\":"
         "\"https://example.org/any\",\"isOneOf\":null}}}"},
        {"{ __schema { queryType { name description } mutationType { name } subscriptionType { "
         "name } description directives { name isRepeatable locations args { name } } } }",
         "{\"data\":{\"__schema\":{\"queryType\":{\"name\":\"Query\",\"description\":\"Where "
         "everything starts.\"},\"mutationType\":{\"name\":\"Mutation\"},\"subscriptionType\":{"
         "\"name\":\"Subscription\"},\"description\":null,\"directives\":["
         "{\"name\":\"include\",\"isRepeatable\":false,\"locations\":[\"FIELD\","
         "\"FRAGMENT_SPREAD\",\"INLINE_FRAGMENT\"],\"args\":[{\"name\":\"if\"}]},"
         "{\"name\":\"skip\",\"isRepeatable\":false,\"locations\":[\"FIELD\","
         "\"FRAGMENT_SPREAD\",\"INLINE_FRAGMENT\"],\"args\":[{\"name\":\"if\"}]},"
         "{\"name\":\"deprecated\",\"isRepeatable\":false,\"locations\":[\"FIELD_DEFINITION\","
         "\"ARGUMENT_DEFINITION\",\"INPUT_FIELD_DEFINITION\",\"ENUM_VALUE\"],\"args\":[{\"name\":"
         "\"reason\"}]},"
         "{\"name\":\"specifiedBy\",\"isRepeatable\":false,\"locations\":[\"SCALAR\"],\"args\":["
         "{\"name\":\"url\"}]},"
         "{\"name\":\"oneOf\",\"isRepeatable\":false,\"locations\":[\"INPUT_OBJECT\"],\"args\":[]},"
         "{\"name\":\"mark\",\"isRepeatable\":true,\"locations\":[\"FIELD\",\"QUERY\"],\"args\":["
         "{\"name\":\"by\"}]}]}}}"},
        {"{ __type(name: \"Query\") { fields { name } } }", NULL},
    };
    ecom_graphql *g = world_open();

    CHECK(g, "no schema");
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        ecom_buf out = world_query(g, table[i].query);
        if (table[i].want)
            CHECK(ecom_str_eq(ecom_str_of(table[i].want), ecom_buf_str(&out)),
                  "%s\n#   want %s\n#   got  %s", table[i].query, table[i].want,
                  out.p ? out.p : "-");
        else
            CHECK(out.p && !strstr(out.p, "\"old\""), "deprecated fields show: %s", out.p);
        ecom_buf_free(&out);
    }
    ecom_graphql_free(g);
}

static void opening_survives_each_failed_allocation(void)
{
    ecom_graphql_options options = world_options();
    ecom_error e;

    for (uint64_t n = 1;; n++) {
        ecom_graphql *g = NULL;
        check_alloc_fail_at(n);
        int r = ecom_graphql_new(&options, &g, NULL, &e);
        int reached = check_alloc_failed();
        check_alloc_fail_at(0);
        ecom_graphql_free(g);
        CHECK_I64(reached ? ECOM_E_NOMEM : ECOM_OK, r);
        CHECK(!reached || !g, "a handle");
        if (!reached)
            break;
    }
}

static const struct check_case cases[] = {
    CASE(problems_are_named_with_their_place),
    CASE(definitions_may_need_others_that_come_to_an_end),
    CASE(long_circles_are_found),
    CASE(default_values_need_each_other_a_hundred_deep),
    CASE(resolvers_must_fit_the_schema),
    CASE(a_schema_prints_as_what_it_is),
    CASE(introspection_tells_of_types),
    CASE(opening_survives_each_failed_allocation),
};

CHECK_MAIN("graphql-schema", cases)
