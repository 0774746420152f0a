#include "check.h"

#include <bson/bson.h>
#include <stdlib.h>

#include "mongodb/bson_json.h"

/* A text as a document; what @p made holds is freed by the caller. */
static int read_text(ecom_str json, ecom__bson *made, bson_t *doc, int *exact)
{
    *made = (ecom__bson){0};
    int r = ecom__bson_from_json(json, made, exact);
    return r == ECOM_OK && !ecom__bson_view(made, 0, doc) ? ECOM_E_CORRUPT : r;
}

/* What a text becomes, as MongoDB's own canonical JSON; freed by the caller. NULL: no fields.
 * Versions of the driver put one space or two into an empty array. */
static char *fields_of(const char *json)
{
    ecom__bson made;
    bson_t doc;
    char *text = NULL, *two;

    if (read_text(ecom_str_of(json), &made, &doc, NULL) == ECOM_OK)
        text = bson_as_canonical_extended_json(&doc, NULL);
    ecom_buf_free(&made.bytes);
    while (text && (two = strstr(text, "[  ]")))
        memmove(two + 1, two + 2, strlen(two + 2) + 1);
    return text;
}

static void types_are_those_that_people_query(void)
{
    static const char *const cases[][2] = {
        {"{}", "{ }"},
        {"{\"n\":7}", "{ \"n\" : { \"$numberInt\" : \"7\" } }"},
        {"{\"n\":2147483648}", "{ \"n\" : { \"$numberLong\" : \"2147483648\" } }"},
        {"{\"n\":-9223372036854775808}",
         "{ \"n\" : { \"$numberLong\" : \"-9223372036854775808\" } }"},
        {"{\"n\":19.99}", "{ \"n\" : { \"$numberDecimal\" : \"19.99\" } }"},
        {"{\"n\":1.50}", "{ \"n\" : { \"$numberDecimal\" : \"1.50\" } }"},
        {"{\"n\":0.10}", "{ \"n\" : { \"$numberDecimal\" : \"0.10\" } }"},
        {"{\"n\":-0.00}", "{ \"n\" : { \"$numberDecimal\" : \"-0.00\" } }"},
        {"{\"n\":1e5}", "{ \"n\" : { \"$numberDecimal\" : \"1E+5\" } }"},
        {"{\"n\":12.5E-3}", "{ \"n\" : { \"$numberDecimal\" : \"0.0125\" } }"},
        {"{\"n\":1e6111}", "{ \"n\" : { \"$numberDecimal\" : \"1E+6111\" } }"},
        {"{\"n\":1e-6176}", "{ \"n\" : { \"$numberDecimal\" : \"1E-6176\" } }"},
        {"{\"t\":\"1970-01-01T00:00:01.500Z\"}",
         "{ \"t\" : { \"$date\" : { \"$numberLong\" : \"1500\" } } }"},
        {"{\"t\":\"1970-01-01T00:00:01Z\"}", "{ \"t\" : \"1970-01-01T00:00:01Z\" }"},
        {"{\"t\":\"1970-02-30T00:00:01.500Z\"}", "{ \"t\" : \"1970-02-30T00:00:01.500Z\" }"},
        {"{\"b\":true,\"z\":null,\"s\":\"x\"}", "{ \"b\" : true, \"z\" : null, \"s\" : \"x\" }"},
        {"{\"a\":[1,{\"b\":[]}],\"c\":0}",
         "{ \"a\" : [ { \"$numberInt\" : \"1\" }, { \"b\" : [ ] } ], "
         "\"c\" : { \"$numberInt\" : \"0\" } }"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *got = fields_of(cases[i][0]);
        int same = got && strcmp(got, cases[i][1]) == 0;
        CHECK(same, "%s: want %s, got %s", cases[i][0], cases[i][1], got ? got : "nothing");
        bson_free(got);
    }
}

static void what_the_fields_say_comes_back_to_the_byte(void)
{
    static const char *const texts[] = {
        "{}",
        "{\"a\":1,\"b\":-1,\"c\":19.99,\"d\":0.10,\"e\":9007199254740993}",
        "{\"a\":\"2026-11-22T18:25:43.511Z\",\"b\":[\"0000-01-01T00:00:00.000Z\"]}",
        "{\"a\":\"\xC3\xA9\xF0\x9F\x98\x80 \\\"\\\\ \\n\\u0000\\u001f /\"}",
        "{\"a\":[[],[[]],{},{\"b\":{\"c\":[true,false,null]}}]}",
        "{\"a\":1234567890123456789012345678901.234}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ecom__bson made;
        bson_t doc;
        ecom_buf out = {0};
        ecom_error e;
        int exact = 0, r = read_text(ecom_str_of(texts[i]), &made, &doc, &exact);
        CHECK(r == ECOM_OK, "%s", texts[i]);
        CHECK(exact, "%s is taken for one that does not come back", texts[i]);
        CHECK_CODE(ECOM_OK, ecom__bson_to_json(&doc, &out, &e), e);
        int same = strcmp(texts[i], out.p) == 0;
        CHECK(same, "%s came back as %s", texts[i], out.p);
        ecom_buf_free(&out);
        ecom_buf_free(&made.bytes);
    }
}

static void say(ecom_buf *text, const char *piece)
{
    if (ecom_buf_append(text, ecom_str_of(piece)) < 0)
        abort();
}

/* A text of chance: each piece in one of the ways in which JSON has it. */
static void say_value(ecom_buf *text, int depth)
{
    static const char *const pieces[] = {"null",
                                         "true",
                                         "false",
                                         "0",
                                         "-0",
                                         "7",
                                         "-12",
                                         "2147483648",
                                         "1.5",
                                         "0.10",
                                         "-0.00",
                                         "0.0000001",
                                         "1e5",
                                         "1E+5",
                                         "1E5",
                                         "12.5E-3",
                                         "\"\"",
                                         "\"x\"",
                                         "\"\\n\"",
                                         "\"\\u000a\"",
                                         "\"/\"",
                                         "\"\\/\"",
                                         "\"\xC3\xA9\"",
                                         "\"\\u001F\"",
                                         "\"\\u001f\"",
                                         "\"\\u00e9\"",
                                         "\"\x7F\"",
                                         "\"2026-11-22T18:25:43.511Z\"",
                                         "\"2026-11-22T18:25:43.511+00:00\"",
                                         "99999999999999999999"};
    const int kind = rand() % (depth < 4 ? 4 : 2), n = rand() % 3;

    if (kind < 2) {
        say(text, pieces[(size_t)rand() % (sizeof(pieces) / sizeof(pieces[0]))]);
        return;
    }
    say(text, kind == 2 ? "[" : "{");
    for (int i = 0; i < n; i++) {
        say(text, i ? "," : "");
        say(text, rand() % 9 ? "" : " ");
        if (kind == 3) {
            say(text, i ? "\"b" : "\"a");
            say(text, rand() % 9 ? "\":" : "\\u0061\":");
            say(text, rand() % 9 ? "" : "\t");
        }
        say_value(text, depth + 1);
    }
    say(text, kind == 2 ? "]" : "}");
}

static void whether_a_text_comes_back_is_known_before_it_does(void)
{
    int back = 0, not_back = 0;

    srand(1);
    for (int i = 0; i < 20000; i++) {
        ecom_buf text = {0}, again = {0};
        ecom__bson made;
        bson_t doc;
        int exact = -1;
        say(&text, "{\"a\":");
        say_value(&text, 0);
        say(&text, rand() % 9 ? "}" : "} ");
        if (read_text(ecom_buf_str(&text), &made, &doc, &exact) == ECOM_OK) {
            CHECK_I64(ECOM_OK, ecom__bson_to_json(&doc, &again, NULL));
            int same = ecom_str_eq(ecom_buf_str(&text), ecom_buf_str(&again));
            CHECK(same == exact, "%s and %s", text.p, again.p);
            back += same;
            not_back += !same;
        }
        ecom_buf_free(&made.bytes);
        ecom_buf_free(&text);
        ecom_buf_free(&again);
    }
    CHECK(back > 2000 && not_back > 2000, "%d come back, %d do not", back, not_back);
}

static void what_mongodb_cannot_have_as_fields_is_refused(void)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{\"a\":}",
        "{\"a\":1,\"a\":2}",
        "{\"\":1}",
        "{\"a\":1e6112}",
        "{\"a\":1e-6177}",
        "{\"a\":1.2345678901234567890123456789012345}",
        "{\"$a\":1}",
        "{\"a.b\":1}",
        "{}x",
        "{\"a\":{\"b\":{\"$c\":1}}}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *got = fields_of(texts[i]);
        CHECK(!got, "%s became %s", texts[i], got);
    }
}

static void depth_is_bounded_on_the_way_in(void)
{
    char text[512] = "{\"a\":";

    for (int levels = 89; levels <= 90; levels++) {
        memset(text + 5, '[', (size_t)levels);
        memset(text + 5 + levels, ']', (size_t)levels);
        strcpy(text + 5 + 2 * levels, "}");
        char *got = fields_of(text);
        int there = got != NULL;
        bson_free(got);
        CHECK(there == (levels == 89), "%d levels below the document", levels);
    }
}

static void what_others_wrote_reads_as_json_or_is_told(void)
{
    bson_t *doc = BCON_NEW("d", BCON_DOUBLE(0.1), "w", BCON_DOUBLE(1e300), "l", BCON_INT64(5));
    bson_oid_t oid;
    ecom_buf out = {0};
    ecom_error e;

    bson_oid_init_from_string(&oid, "0123456789abcdef01234567");
    BSON_APPEND_OID(doc, "o", &oid);
    CHECK_CODE(ECOM_OK, ecom__bson_to_json(doc, &out, &e), e);
    int same = strcmp(out.p, "{\"d\":0.1,\"w\":1.0000000000000001e+300,\"l\":5,"
                             "\"o\":\"0123456789abcdef01234567\"}") == 0 ||
               strcmp(out.p, "{\"d\":0.1,\"w\":1e+300,\"l\":5,"
                             "\"o\":\"0123456789abcdef01234567\"}") == 0;
    CHECK(same, "%s", out.p);
    size_t before = out.n;
    BSON_APPEND_MAXKEY(doc, "top");
    CHECK_CODE(ECOM_E_CORRUPT, ecom__bson_to_json(doc, &out, &e), e);
    CHECK(strstr(e.text, "\"top\"") && out.n == before, "%s", e.text);
    ecom_buf_free(&out);
    bson_destroy(doc);
}

static void failing_memory_loses_nothing(void)
{
    const char *text = "{\"a\":[1,{\"b\":\"2026-11-22T18:25:43.511Z\"}],\"c\":19.99}";
    bson_t *doc = BCON_NEW("a", "[", BCON_INT32(1), BCON_UTF8("xxxxxxxxxxxxxxxxxxxxxxxxxx"), "]");
    int r = ECOM_E_NOMEM;

    for (int n = 1; r != ECOM_OK; n++) {
        ecom__bson made = {0};
        check_alloc_fail_at(n);
        r = ecom__bson_from_json(ecom_str_of(text), &made, NULL);
        check_alloc_fail_at(0);
        ecom_buf_free(&made.bytes);
        CHECK(r == ECOM_OK || r == ECOM_E_NOMEM, "allocation %d: %s", n, check_code(r));
        CHECK(n > 3 || r == ECOM_E_NOMEM, "allocation %d was not needed", n);
    }
    for (int n = 1; n <= 4; n++) { /* the driver itself ends the process when memory does */
        ecom_buf out = {0};
        check_alloc_fail_at(n);
        r = ecom__bson_to_json(doc, &out, NULL);
        check_alloc_fail_at(0);
        ecom_buf_free(&out);
        CHECK(r == ECOM_OK || r == ECOM_E_NOMEM, "allocation %d: %s", n, check_code(r));
    }
    bson_destroy(doc);
}

static const struct check_case cases[] = {
    CASE(types_are_those_that_people_query),
    CASE(what_the_fields_say_comes_back_to_the_byte),
    CASE(whether_a_text_comes_back_is_known_before_it_does),
    CASE(what_mongodb_cannot_have_as_fields_is_refused),
    CASE(depth_is_bounded_on_the_way_in),
    CASE(what_others_wrote_reads_as_json_or_is_told),
    CASE(failing_memory_loses_nothing),
};

CHECK_MAIN("bson_json", cases)
