/* Lexer, parser and printer. */
#include "check.h"
#include "graphql/lexer.h"

static const struct gql_bounds bounds = {1 << 20, 100000, 64, 7};

struct parsed {
    ecom_arena *arena;
    struct gql_document document;
    struct gql_errors errors;
    int r;
};

static struct parsed parse_n(ecom_str text, const struct gql_bounds *b)
{
    struct parsed p = {.arena = ecom_arena_new(0)};

    p.errors.arena = p.arena;
    p.r = ecom__gql_parse(text, b, p.arena, &p.document, &p.errors);
    return p;
}

static struct parsed parse(const char *text)
{
    return parse_n(ecom_str_of(text), &bounds);
}

static void done(struct parsed *p)
{
    ecom_arena_free(p->arena);
}

/* `line:column message` of the first error, or "ok". */
static void verdict(const char *text, char out[300])
{
    struct parsed p = parse(text);

    snprintf(out, 300, "ok");
    if (p.r < 0) {
        struct gql_place place = ecom__gql_place(p.errors.source, p.errors.first->at[0]);
        snprintf(out, 300, "%u:%u %.*s", place.line, place.column, GQL_P(p.errors.first->message));
    }
    done(&p);
}

static void what_is_no_graphql_is_named_with_its_place(void)
{
    static const struct {
        const char *text, *want;
    } table[] = {
        {"", "1:1 Syntax Error: Unexpected <EOF>."},
        {"{", "1:2 Syntax Error: Expected Name, found <EOF>."},
        {"{}", "1:2 Syntax Error: Expected Name, found \"}\"."},
        {"{ a(", "1:5 Syntax Error: Expected Name, found <EOF>."},
        {"{ a() }", "1:5 Syntax Error: Expected Name, found \")\"."},
        {"{ a(b) }", "1:6 Syntax Error: Expected \":\", found \")\"."},
        {"{ a: }", "1:6 Syntax Error: Expected Name, found \"}\"."},
        {"{ ... }", "1:7 Syntax Error: Expected \"{\", found \"}\"."},
        {"{ ...on }", "1:9 Syntax Error: Expected Name, found \"}\"."},
        {"fragment on on on { on }", "1:10 Syntax Error: Unexpected Name \"on\"."},
        {"fragment a b { c }", "1:12 Syntax Error: Expected \"on\", found Name \"b\"."},
        {"notAnOperation Foo { field }", "1:1 Syntax Error: Unexpected Name \"notAnOperation\"."},
        {"...", "1:1 Syntax Error: Unexpected \"...\"."},
        {"query Q", "1:8 Syntax Error: Expected \"{\", found <EOF>."},
        {"query Q($a) { b }", "1:11 Syntax Error: Expected \":\", found \")\"."},
        {"query Q($a: T = $b) { c }",
         "1:17 Syntax Error: Unexpected variable \"$b\" in constant value."},
        {"query Q() { b }", "1:9 Syntax Error: Expected \"$\", found \")\"."},
        {"{ a }\n\n  }", "3:3 Syntax Error: Unexpected \"}\"."},
        {"{ a(b: $) }", "1:9 Syntax Error: Expected Name, found \")\"."},
        {"{ a ? }", "1:5 Syntax Error: Unexpected character: \"?\"."},
        {"{ a(b: 'c') }", "1:8 Syntax Error: Unexpected single quote character ('), did you mean "
                          "to use a double quote (\")?"},
        {"{ a .. }", "1:5 Syntax Error: Unexpected character: \".\"."},
        {"{ \xE2\x82\xAC }", "1:3 Syntax Error: Unexpected character: U+20AC."},
        {"{ \xF0\x9F\x98\x80 }", "1:3 Syntax Error: Unexpected character: U+1F600."},
        {"{ \x07 }", "1:3 Syntax Error: Unexpected character: U+0007."},
        {"{ \xFF }", "1:3 Syntax Error: Invalid character: byte 0xFF."},
        {"{ a # \xC0\x80\n }", "1:7 Syntax Error: Invalid character: byte 0xC0."},
        {"\"d\" { a }", "1:1 Syntax Error: Unexpected description, descriptions are not supported "
                        "on shorthand queries."},
        {"\"d\" extend type A { a: B }", "1:1 Syntax Error: Unexpected description, only GraphQL "
                                         "definitions support descriptions."},
        {"type A {}", "1:9 Syntax Error: Expected Name, found \"}\"."},
        {"enum E { true }",
         "1:10 Syntax Error: Name \"true\" is reserved and cannot be used for an "
         "enum value."},
        {"directive @a on NOWHERE", "1:17 Syntax Error: Unexpected Name \"NOWHERE\"."},
        {"extend type A", "1:14 Syntax Error: Unexpected <EOF>."},
        {"extend schema", "1:14 Syntax Error: Unexpected <EOF>."},
        {"extend directive @a on FIELD", "1:8 Syntax Error: Unexpected Name \"directive\"."},
        {"schema { queries: Q }", "1:10 Syntax Error: Unexpected Name \"queries\"."},
        {"union U = ", "1:11 Syntax Error: Expected Name, found <EOF>."},
        {"input I { a(b: C): D }", "1:12 Syntax Error: Expected \":\", found \"(\"."},
    };
    char got[300];

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        verdict(table[i].text, got);
        CHECK(strcmp(table[i].want, got) == 0, "%s\n#   want %s\n#   got  %s", table[i].text,
              table[i].want, got);
    }
}

static void numbers_keep_all_their_rules(void)
{
    static const struct {
        const char *text, *want;
    } table[] = {
        {"0", "ok"},
        {"-0", "ok"},
        {"9", "ok"},
        {"-4.123e-4", "ok"},
        {"0.1E+10", "ok"},
        {"1e9", "ok"},
        {"00", "1:7 Syntax Error: Invalid number, unexpected digit after 0: \"0\"."},
        {"-01", "1:8 Syntax Error: Invalid number, unexpected digit after 0: \"1\"."},
        {"+1", "1:6 Syntax Error: Unexpected character: \"+\"."},
        {"1.", "1:8 Syntax Error: Invalid number, expected digit but got: \")\"."},
        {".1", "1:6 Syntax Error: Unexpected character: \".\"."},
        {"1.e1", "1:8 Syntax Error: Invalid number, expected digit but got: \"e\"."},
        {"1.A", "1:8 Syntax Error: Invalid number, expected digit but got: \"A\"."},
        {"-A", "1:7 Syntax Error: Invalid number, expected digit but got: \"A\"."},
        {"1e", "1:8 Syntax Error: Invalid number, expected digit but got: \")\"."},
        {"1eA", "1:8 Syntax Error: Invalid number, expected digit but got: \"A\"."},
        {"1_000", "1:7 Syntax Error: Invalid number, expected digit but got: \"_\"."},
        {"1.2.3", "1:9 Syntax Error: Invalid number, expected digit but got: \".\"."},
        {"0x1", "1:7 Syntax Error: Invalid number, expected digit but got: \"x\"."},
        {"1.2e3e", "1:11 Syntax Error: Invalid number, expected digit but got: \"e\"."},
    };
    char text[100], got[300];

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        snprintf(text, sizeof(text), "{a(b:%s)}", table[i].text);
        verdict(text, got);
        CHECK(strcmp(table[i].want, got) == 0, "%s\n#   want %s\n#   got  %s", text, table[i].want,
              got);
    }
}

/* The value of the only argument of `{a(b: TEXT)}`. */
static void string_is(const char *literal, ecom_str want)
{
    ecom_buf text = {0};

    CHECK(ecom_buf_printf(&text, "{a(b:%s)}", literal) == ECOM_OK, "memory");
    struct parsed p = parse(text.p);
    CHECK(p.r == ECOM_OK, "%s: %.*s", literal, GQL_P(p.errors.first->message));
    struct gql_name got = p.document.first->first->arguments->value->text;
    CHECK(ecom_str_eq(want, gql_str(got)), "%s\n#   want \"%.*s\"\n#   got  \"%.*s\"", literal,
          (int)want.n, want.p, (int)got.n, got.p);
    done(&p);
    ecom_buf_free(&text);
}

static void strings_are_decoded(void)
{
    string_is("\"\"", S(""));
    string_is("\"simple\"", S("simple"));
    string_is("\" white space \"", S(" white space "));
    string_is("\"quote \\\"\"", S("quote \""));
    string_is("\"\\n\\r\\b\\t\\f\\\\\\/\"", S("\n\r\b\t\f\\/"));
    string_is("\"\\u0041\\u00e9\\u20AC\"", S("A\xC3\xA9\xE2\x82\xAC"));
    string_is("\"\\u{41}\\u{00000041}\\u{1F600}\"", S("AA\xF0\x9F\x98\x80"));
    string_is("\"\\uD83D\\uDE00\"", S("\xF0\x9F\x98\x80"));
    string_is("\"\\u0000\"", S("\0"));
    string_is("\"\x01\"", S("\x01"));
}

static void broken_strings_are_refused(void)
{
    static const struct {
        const char *text, *want;
    } table[] = {
        {"\"", "1:7 Syntax Error: Unterminated string."},
        {"\"no end", "1:13 Syntax Error: Unterminated string."},
        {"\"line\nbreak\"", "1:11 Syntax Error: Unterminated string."},
        {"\"bad \\z esc\"", "1:11 Syntax Error: Invalid character escape sequence: \"\\z\"."},
        {"\"\\u1\"", "1:7 Syntax Error: Invalid Unicode escape sequence: \"\\u1\"\"."},
        {"\"\\uXXXX\"", "1:7 Syntax Error: Invalid Unicode escape sequence: \"\\uXXXX\"."},
        {"\"\\uD83D\"", "1:7 Syntax Error: Invalid Unicode escape sequence: \"\\uD83D\"."},
        {"\"\\uDE00\"", "1:7 Syntax Error: Invalid Unicode escape sequence: \"\\uDE00\"."},
        {"\"\\uD83D\\u0041\"", "1:7 Syntax Error: Invalid Unicode escape sequence: \"\\uD83D\"."},
        {"\"\\u{}\"", "1:7 Syntax Error: Invalid Unicode escape sequence: \"\\u{}\"."},
        {"\"\\u{D800}\"", "1:7 Syntax Error: Invalid Unicode escape sequence: \"\\u{D800}\"."},
        {"\"\\u{110000}\"", "1:7 Syntax Error: Invalid Unicode escape sequence: \"\\u{110000}\"."},
        {"\"\xED\xA0\x80\"", "1:7 Syntax Error: Invalid character within String: byte 0xED."},
        {"\"\"\"", "1:9 Syntax Error: Unterminated string."},
        {"\"\"\"no end\"\"", "1:17 Syntax Error: Unterminated string."},
    };
    char text[100], got[300];

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        snprintf(text, sizeof(text), "{a(b:%s", table[i].text);
        verdict(text, got);
        CHECK(strcmp(table[i].want, got) == 0, "%s\n#   want %s\n#   got  %s", text, table[i].want,
              got);
    }
}

static void block_strings_lose_their_common_indentation(void)
{
    string_is("\"\"\"\"\"\"", S(""));
    string_is("\"\"\"one line\"\"\"", S("one line"));
    string_is("\"\"\"\n    Hello,\n      World!\n\n    Yours,\n      GraphQL.\n  \"\"\"",
              S("Hello,\n  World!\n\nYours,\n  GraphQL."));
    string_is("\"\"\"  first\n    second\n   third\"\"\"", S("  first\n second\nthird"));
    string_is("\"\"\"\n\n  \n  a\n\n  b\n \n\n\"\"\"", S("a\n\nb"));
    string_is("\"\"\"a\r\n b\r c\n\r d\"\"\"", S("a\nb\nc\n\nd"));
    string_is("\"\"\"\n\ttabs\n\t\tmore\n\"\"\"", S("tabs\n\tmore"));
    string_is("\"\"\"raw \\n \\u0041 \\\\ \"quotes\" \\\"\"\" end\"\"\"",
              S("raw \\n \\u0041 \\\\ \"quotes\" \"\"\" end"));
    string_is("\"\"\"   \n  \n\"\"\"", S(""));
}

static void ignored_characters_are_ignored(void)
{
    char got[300];

    verdict("\xEF\xBB\xBF,,, # comment \xE2\x82\xAC \x01 \"\n{ a,b\r\n,c #end", got);
    CHECK_STR("3:8 Syntax Error: Expected Name, found <EOF>.", ecom_str_of(got));
    verdict("query\n#c\rA\r\n{\xEF\xBB\xBF a }", got);
    CHECK_STR("ok", ecom_str_of(got));
}

static void a_nul_byte_does_not_end_the_text(void)
{
    struct parsed p = parse_n(S("{ a }\0"), &bounds);

    CHECK_I64(ECOM_E_INVAL, p.r);
    CHECK_STR("Syntax Error: Unexpected character: U+0000.", p.errors.first->message);
    done(&p);
    p = parse_n(S("{ a(b: \"x\0y\") }"), &bounds);
    CHECK_I64(ECOM_OK, p.r);
    CHECK_U64(3, p.document.first->first->arguments->value->text.n);
    done(&p);
}

static void limits_are_named_one_above_them(void)
{
    struct gql_bounds b = {9, 5, 2, 0};
    struct parsed p = parse_n(S("{a b c   "), &b);

    CHECK_I64(ECOM_E_INVAL, p.r);
    done(&p);
    p = parse_n(S("{a b c}   "), &b);
    CHECK_I64(ECOM_E_TOOLARGE, p.r);
    CHECK_STR("The document has 10 bytes, more than 9 (max_bytes).", p.errors.first->message);
    done(&p);
    p = parse_n(S("{a b c}"), &b);
    CHECK_I64(ECOM_OK, p.r);
    done(&p);
    p = parse_n(S("{a b c d}"), &b);
    CHECK_I64(ECOM_E_TOOLARGE, p.r);
    CHECK_STR("Syntax Error: Document contains more than 5 tokens (max_tokens). Parsing aborted.",
              p.errors.first->message);
    done(&p);
    b.max_tokens = 100;
    p = parse_n(S("{a{b}}"), &b);
    CHECK_I64(ECOM_OK, p.r);
    done(&p);
    p = parse_n(S("{a{b{c}}}"), &b);
    CHECK_I64(ECOM_E_TOOLARGE, p.r);
    CHECK_STR("Syntax Error: Document is nested deeper than 2 levels (max_nesting). Parsing "
              "aborted.",
              p.errors.first->message);
    done(&p);
}

static void a_million_braces_are_refused_at_once(void)
{
    static const char patterns[] = "{[";

    for (int i = 0; i < 2; i++) {
        ecom_buf text = {0};
        CHECK(ecom_buf_append(&text, S("{a(b:")) == ECOM_OK &&
                  ecom_buf_reserve(&text, 1 << 20) == ECOM_OK,
              "memory");
        memset(text.p + text.n, patterns[i], (1 << 20) - text.n);
        text.n = 1 << 20;
        struct parsed p = parse_n(ecom_buf_str(&text), &bounds);
        CHECK(p.r < 0, "taken");
        done(&p);
        ecom_buf_free(&text);
    }
}

static void prints(const char *text, const char *want)
{
    struct parsed p = parse(text);
    ecom_buf out = {0}, again = {0};

    CHECK(p.r == ECOM_OK, "%s: %.*s", text, p.r < 0 ? (int)p.errors.first->message.n : 0,
          p.r < 0 ? p.errors.first->message.p : "");
    CHECK_I64(ECOM_OK, ecom__gql_print(&p.document, &out));
    CHECK_STR(want, ecom_buf_str(&out));
    struct parsed q = parse_n(ecom_buf_str(&out), &bounds);
    CHECK(q.r == ECOM_OK, "what was printed is refused: %.*s",
          q.r < 0 ? (int)q.errors.first->message.n : 0, q.r < 0 ? q.errors.first->message.p : "");
    CHECK_I64(ECOM_OK, ecom__gql_print(&q.document, &again));
    CHECK_STR(out.p, ecom_buf_str(&again));
    done(&p);
    done(&q);
    ecom_buf_free(&out);
    ecom_buf_free(&again);
}

static void operations_print(void)
{
    prints("{a b{c}}", "{\n  a\n  b {\n    c\n  }\n}");
    prints("query Q($a:[Int!]!=[1 2]@x \"d\"$b:B={c:{} d:[]})@y(z:1){a:b(c:$a,d:{e:E f:null})@g"
           "...F ...on T@h{i}...{j}}fragment F on T{k}",
           "query Q($a: [Int!]! = [1, 2] @x, \"d\" $b: B = {c: {}, d: []}) @y(z: 1) {\n"
           "  a: b(c: $a, d: {e: E, f: null}) @g\n"
           "  ...F\n"
           "  ... on T @h {\n    i\n  }\n"
           "  ... {\n    j\n  }\n"
           "}\n\n"
           "fragment F on T {\n  k\n}");
    prints("mutation{a(b:\"\\u0000\\\"\\\\\\n\\u{7f}\xC3\xA9\" c:-1.5e3 d:true)}",
           "mutation {\n  a(b: \"\\u0000\\\"\\\\\\n\\u007F\xC3\xA9\", c: -1.5e3, d: true)\n}");
    prints("\"\"\"\nlong\n  text\n\"\"\" subscription S{a} \"f\" fragment F on T{a}",
           "\"\"\"\nlong\n  text\n\"\"\"\nsubscription S {\n  a\n}\n\n\"f\"\nfragment F on T {\n  "
           "a\n}");
}

static void type_systems_print(void)
{
    prints("schema@a{query:Q mutation:M}", "schema @a {\n  query: Q\n  mutation: M\n}");
    prints("\"d\"type T implements&A&B@x{\"f\"a(\"g\"b:[C!]=1@y,c:D):E!@z d:F}",
           "\"d\"\ntype T implements A & B @x {\n  \"f\"\n  a(\n    \"g\"\n    b: [C!] = 1 @y\n"
           "    c: D\n  ): E! @z\n  d: F\n}");
    prints("interface I implements J{a(b:C,d:E=1):F}",
           "interface I implements J {\n  a(b: C, d: E = 1): F\n}");
    prints("union U=|A|B union V@x", "union U = A | B\n\nunion V @x");
    prints("enum E{A B@x}", "enum E {\n  A\n  B @x\n}");
    prints("input I{a:B=1 c:D!}", "input I {\n  a: B = 1\n  c: D!\n}");
    prints("scalar S@x(a:1)", "scalar S @x(a: 1)");
    prints("directive@a(b:C=1)repeatable on|FIELD|QUERY",
           "directive @a(b: C = 1) repeatable on FIELD | QUERY");
    prints("extend type T{a:B}extend union U=A extend enum E{A}extend input I{a:B}"
           "extend scalar S@x extend interface I@y extend schema@z",
           "extend type T {\n  a: B\n}\n\nextend union U = A\n\nextend enum E {\n  A\n}\n\n"
           "extend input I {\n  a: B\n}\n\nextend scalar S @x\n\nextend interface I @y\n\n"
           "extend schema @z");
    prints("type type{query:on fragment:true}", "type type {\n  query: on\n  fragment: true\n}");
}

static void block_strings_print_only_what_reads_back(void)
{
    static const ecom_str values[] = {
        {"", 0},           {"a", 1},        {" a", 2},      {"a\n b", 4},     {"a\n", 2},
        {"\na", 2},        {"a\n\nb", 4},   {"a\r\nb", 4},  {"\"\"\"", 3},    {"a\"\"\"", 4},
        {"a\\", 2},        {"a\"", 2},      {"a\n \nb", 5}, {"a\nb\n   ", 7}, {"\ta", 2},
        {"\"\"\"\"\"", 5}, {"a\n\t\tb", 5}, {"x\x01", 2},
    };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        ecom_buf text = {0};
        CHECK_I64(ECOM_OK, ecom__gql_print_string(values[i], 1, 1, &text));
        string_is(text.p, values[i]);
        if (check_failed)
            printf("#   value %zu printed as %s\n", i, text.p);
        ecom_buf_free(&text);
    }
}

static void columns_count_as_editors_do(void)
{
    ecom_str text = S("a\xC3\xA9\xF0\x9F\x98\x80"
                      "b\r\nc\rd\ne");
    static const struct {
        uint32_t at, line, column;
    } table[] = {{0, 1, 1}, {1, 1, 2}, {3, 1, 3}, {7, 1, 5}, {10, 2, 1}, {12, 3, 1}, {14, 4, 1}};

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct gql_place place = ecom__gql_place(text, table[i].at);
        CHECK(place.line == table[i].line && place.column == table[i].column, "at %u: %u:%u",
              table[i].at, place.line, place.column);
    }
}

static void an_allocation_that_fails_is_said(void)
{
    static const char text[] = "query Q($a: [Int!] = [1]) @x { a(b: {c: \"\\n\"}) ...F } "
                               "fragment F on T { b } type T implements A { a(b: C): D }";

    for (uint64_t n = 1;; n++) {
        ecom_arena *arena = ecom_arena_new(0);
        struct gql_errors errors = {.arena = arena};
        struct gql_document document;
        check_alloc_fail_at(n);
        int r = ecom__gql_parse(ecom_str_of(text), &bounds, arena, &document, &errors);
        int reached = check_alloc_failed();
        check_alloc_fail_at(0);
        ecom_arena_free(arena);
        CHECK_I64(reached ? ECOM_E_NOMEM : ECOM_OK, r);
        if (!reached)
            break;
    }
}

static const struct check_case cases[] = {
    CASE(what_is_no_graphql_is_named_with_its_place),
    CASE(numbers_keep_all_their_rules),
    CASE(strings_are_decoded),
    CASE(broken_strings_are_refused),
    CASE(block_strings_lose_their_common_indentation),
    CASE(ignored_characters_are_ignored),
    CASE(a_nul_byte_does_not_end_the_text),
    CASE(limits_are_named_one_above_them),
    CASE(a_million_braces_are_refused_at_once),
    CASE(operations_print),
    CASE(type_systems_print),
    CASE(block_strings_print_only_what_reads_back),
    CASE(columns_count_as_editors_do),
    CASE(an_allocation_that_fails_is_said),
};

CHECK_MAIN("graphql-language", cases)
