#include "check.h"

#include <stdlib.h>

#include "ecom/json.h"

/* Parses with an arena of its own and writes the result again. */
static int again(ecom_str text, const ecom_json_limits *limits, ecom_buf *out, ecom_error *e)
{
    ecom_arena *arena = ecom_arena_new(64 << 20);
    const ecom_json *value = NULL;
    int r = arena ? ecom_json_parse(text, limits, arena, &value, e) : ECOM_E_NOMEM;

    out->n = 0;
    if (r == ECOM_OK)
        r = ecom_json_write(out, value);
    ecom_arena_free(arena);
    return r;
}

static void what_is_json_is_read_and_written_again(void)
{
    static const char *const same[] = {
        "{}",
        "[]",
        "null",
        "true",
        "false",
        "0",
        "-0",
        "17",
        "19.99",
        "1E400",
        "-1.50e+3",
        "18446744073709551615",
        "-9223372036854775808",
        "\"\"",
        "\"plain\"",
        "\"a \\\" \\\\ / \\n\\t\\r\\b\\f \\u0000\\u001f\"",
        "\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \x7F\"",
        "[[],{},[[]],[1,2,\"x\",null]]",
        "{\"a\":{\"b\":[{\"c\":1},{\"c\":2}],\"d\":\"\"},\"e\":false}",
        "{\"\":1,\" \":2,\"a\\nb\":3}",
    };
    static const char *const pairs[][2] = {
        {" [ 1 , 2 ]\r\n\t", "[1,2]"},
        {"\"\\u0041\\/\\u00e9\\u20ac\\ud83d\\ude00\"",
         "\"A/\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {"{ \"\\u0061\" : 1 }", "{\"a\":1}"},
    };
    ecom_buf out = {0};
    ecom_error e;

    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        CHECK_CODE(ECOM_OK, again(ecom_str_of(same[i]), NULL, &out, &e), e);
        CHECK_STR(same[i], ecom_buf_str(&out));
    }
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        CHECK_CODE(ECOM_OK, again(ecom_str_of(pairs[i][0]), NULL, &out, &e), e);
        CHECK_STR(pairs[i][1], ecom_buf_str(&out));
    }
    ecom_buf_free(&out);
}

static void what_is_not_json_is_refused_with_its_path(void)
{
    static const struct {
        const char *text, *field, *part;
    } bad[] = {
        {"", "", "there is no JSON value"},
        {" \n", "", "there is no JSON value"},
        {"{", "", "ends inside"},
        {"[1", "[0]", "ends inside"},
        {"[1,", "[0]", "ends inside"},
        {"[1,]", "[0]", "unexpected ']'"},
        {"[,1]", "", "unexpected ','"},
        {"[1 2]", "[1]", "unexpected '2'"},
        {"[1]]", "", "unexpected ']'"},
        {"[1}", "[0]", "unexpected '}'"},
        {"]", "", "unexpected ']'"},
        {"}", "", "unexpected '}'"},
        {"1 2", "", "unexpected '2'"},
        {"1,", "", "unexpected ','"},
        {"{}:", "", "unexpected ':'"},
        {"[] []", "", "unexpected '['"},
        {"[1,,2]", "[0]", "unexpected ','"},
        {"{\"a\":1}x", "", "unexpected 'x'"},
        {"{\"a\":1,}", "a", "unexpected '}'"},
        {"{\"a\" 1}", "a", "unexpected '1'"},
        {"{\"a\":}", "a", "unexpected '}'"},
        {"{\"a\"}", "a", "unexpected '}'"},
        {"{\"a\",1}", "a", "unexpected ','"},
        {"{\"a\"", "a", "ends inside"},
        {"{\"a\":", "a", "ends inside"},
        {"{\"a\"::1}", "a", "unexpected ':'"},
        {"{\"a\":1:2}", "a", "unexpected ':'"},
        {"{\"a\":1 \"b\":2}", "a", "unexpected '\"'"},
        {"{\"a\":[] {}}", "a", "unexpected '{'"},
        {"{:1}", "", "unexpected ':'"},
        {"{,}", "", "unexpected ','"},
        {"{[]:1}", "", "unexpected '['"},
        {"{\"a\":1,,\"b\":2}", "a", "unexpected ','"},
        {"[1:2]", "[0]", "unexpected ':'"},
        {"[:1]", "", "unexpected ':'"},
        {"[[] []]", "[1]", "unexpected '['"},
        {"[01]", "[0]", "unexpected '1'"},
        {"[1\"a\"]", "[0]", "unexpected '\"'"},
        {"[\"a\"1]", "[1]", "unexpected '1'"},
        {"{1:2}", "", "unexpected '1'"},
        {"{'a':1}", "", "unexpected '''"},
        {"{\"a\":'b'}", "a", "unexpected '''"},
        {"{a:1}", "", "unexpected 'a'"},
        {"NaN", "", "unexpected 'N'"},
        {"[Infinity]", "", "unexpected 'I'"},
        {"[-Infinity]", "[0]", "without digits"},
        {"[nan]", "[0]", "unexpected 'n'"},
        {"[TRUE]", "", "unexpected 'T'"},
        {"[truE]", "[0]", "unexpected 't'"},
        {"[truex]", "[0]", "unexpected 'x'"},
        {"// c\n1", "", "unexpected '/'"},
        {"[1/**/]", "[0]", "unexpected '/'"},
        {"\xEF\xBB\xBF[]", "", "unexpected 0xef"},
        {"\v1", "", "unexpected 0x0b"},
        {"01", "", "unexpected '1'"},
        {"[-]", "[0]", "without digits"},
        {"[+1]", "", "unexpected '+'"},
        {"[.5]", "", "unexpected '.'"},
        {"[1.]", "[0]", "behind the point"},
        {"[1.e5]", "[0]", "behind the point"},
        {"[1e]", "[0]", "in the exponent"},
        {"[1e+]", "[0]", "in the exponent"},
        {"[0x10]", "[0]", "unexpected 'x'"},
        {"{\"a\":[1,18446744073709551616]}", "a[1]", "64 bits"},
        {"[-9223372036854775809]", "[0]", "64 bits"},
        {"[123456789012345678901234567890]", "[0]", "64 bits"},
        {"\"abc", "", "ends inside a string"},
        {"[\"a\", \"b\nc\"]", "[1]", "control character"},
        {"[\"\\x\"]", "[0]", "unknown escape"},
        {"[\"\\", "[0]", "unknown escape"},
        {"[\"\\u12\"]", "[0]", "four hexadecimal"},
        {"[\"\\u12G4\"]", "[0]", "four hexadecimal"},
        {"[\"\\ud800\"]", "[0]", "lone surrogate"},
        {"[\"\\ud800\\u0041\"]", "[0]", "lone surrogate"},
        {"[\"\\ud800\\ud800\"]", "[0]", "lone surrogate"},
        {"[\"\\udc00\"]", "[0]", "lone surrogate"},
        {"[\"\xFF\"]", "[0]", "invalid UTF-8"},
        {"[\"\xC0\xAF\"]", "[0]", "invalid UTF-8"},
        {"[\"\xED\xA0\x80\"]", "[0]", "invalid UTF-8"},
        {"[\"\xF4\x90\x80\x80\"]", "[0]", "invalid UTF-8"},
        {"[\"\xE2\x82\"]", "[0]", "invalid UTF-8"},
        {"{\"a\":1,\"b\xFF\":2}", "a", "invalid UTF-8"},
        {"{\"a\\u0000b\":1}", "", "NUL in a key"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "a", "is there twice"},
        {"{\"x\":[0,{\"k\":1,\"k\":1}]}", "x[1].k", "is there twice"},
        {"{\"x\":{\"k\":1,\"\\u006b\":1}}", "x.k", "is there twice"},
    };
    ecom_buf out = {0};
    ecom_error e;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int r = again(ecom_str_of(bad[i].text), NULL, &out, &e);
        CHECK(r == ECOM_E_INVAL, "%s: %s", bad[i].text, check_code(r));
        CHECK(strstr(e.text, bad[i].part), "%s: \"%s\" lacks \"%s\"", bad[i].text, e.text,
              bad[i].part);
        CHECK(strcmp(bad[i].field, e.field) == 0, "%s: field \"%s\", not \"%s\" (%s)", bad[i].text,
              e.field, bad[i].field, e.text);
    }
    CHECK_CODE(ECOM_E_INVAL, again(S("[\"a\0b\"]"), NULL, &out, &e), e);
    CHECK_CODE(ECOM_E_INVAL, again((ecom_str){NULL, 0}, NULL, &out, &e), e);
    CHECK_CODE(ECOM_E_INVAL, again(S("[1]\0"), NULL, &out, &e), e);
    CHECK_CODE(ECOM_E_INVAL, again(S("\0[1]"), NULL, &out, &e), e);
    ecom_buf_free(&out);
}

static void the_byte_of_a_fault_is_named(void)
{
    static const struct {
        const char *text, *want;
    } bad[] = {
        {"[1 2]", "[1]: unexpected '2' at byte 3"},
        {"{\"a\": 1,\n \"b\" 2}", "b: unexpected '2' at byte 14"},
        {" ]", "unexpected ']' at byte 1"},
        {"{\"a\":[0,\"\xC3\xA9", "a[1]: the text ends inside a string at byte 11"},
        {"[\"ab\\x\"]", "[0]: an unknown escape at byte 4"},
        {"[\"\\ud800\\u0041\"]", "[0]: a lone surrogate at byte 2"},
        {"[\"\\n\\u00", "[0]: a \\u escape without four hexadecimal digits at byte 4"},
        {"[\"\\n\xC3\xA9\x01\"]", "[0]: a control character in a string at byte 6"},
        {"[\"\\n\xE2\x82\"]", "[0]: invalid UTF-8 at byte 4"},
        {"{\"a\":0,\"b\\u0000\":1}", "a: NUL in a key at byte 9"},
        {"[1.e]", "[0]: a number without digits behind the point at byte 3"},
        {"[ 18446744073709551616]", "[0]: an integer that 64 bits cannot hold at byte 2"},
        {"[1", "[0]: the text ends inside an array or object at byte 2"},
    };
    ecom_buf out = {0};
    ecom_error e;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_CODE(ECOM_E_INVAL, again(ecom_str_of(bad[i].text), NULL, &out, &e), e);
        CHECK_STR(bad[i].want, ecom_str_of(e.text));
    }
    ecom_buf_free(&out);
}

/* Appends a text n times. */
static void repeat(ecom_buf *out, const char *text, size_t n)
{
    while (n--)
        if (ecom_buf_append(out, ecom_str_of(text)) < 0)
            abort();
}

static void nest(ecom_buf *out, size_t depth)
{
    out->n = 0;
    repeat(out, "[", depth);
    repeat(out, "]", depth);
}

static void each_limit_holds_one_above_it(void)
{
    ecom_json_limits few = {sizeof(few), .max_bytes = 40, .max_depth = 3, .max_keys = 2,
                            .max_nodes = 5};
    ecom_buf text = {0}, out = {0};
    ecom_error e;

    CHECK_CODE(ECOM_OK, again(S("[[[]]]"), &few, &out, &e), e);
    CHECK_CODE(ECOM_E_TOOLARGE, again(S("[[[{}]]]"), &few, &out, &e), e);
    CHECK_STR("[0][0][0]: more than 3 arrays and objects inside each other", ecom_str_of(e.text));
    CHECK_CODE(ECOM_OK, again(S("{\"a\":1,\"b\":{\"a\":1,\"b\":2}}"), &few, &out, &e), e);
    CHECK_CODE(ECOM_E_TOOLARGE, again(S("{\"a\":1,\"b\":2,\"c\":3}"), &few, &out, &e), e);
    CHECK_TEXT("more than 2 keys in one object", e);
    CHECK_CODE(ECOM_OK, again(S("[1,2,3,4]"), &few, &out, &e), e);
    CHECK_CODE(ECOM_E_TOOLARGE, again(S("[1,2,3,4,5]"), &few, &out, &e), e);
    CHECK_STR("[4]: more than 5 values in the text", ecom_str_of(e.text));
    repeat(&text, " ", 39);
    repeat(&text, "1", 1);
    CHECK_CODE(ECOM_OK, again(ecom_buf_str(&text), &few, &out, &e), e);
    repeat(&text, " ", 1);
    CHECK_CODE(ECOM_E_TOOLARGE, again(ecom_buf_str(&text), &few, &out, &e), e);
    CHECK_STR("41 bytes of JSON, at most 40 are allowed", ecom_str_of(e.text));
    ecom_buf_free(&text);
    ecom_buf_free(&out);
}

static void the_default_limits_hold_one_above_them(void)
{
    ecom_json_limits deep = {sizeof(deep), .max_depth = 100000};
    ecom_buf text = {0}, out = {0};
    ecom_error e;

    nest(&text, 32);
    CHECK_CODE(ECOM_OK, again(ecom_buf_str(&text), NULL, &out, &e), e);
    nest(&text, 33);
    CHECK_CODE(ECOM_E_TOOLARGE, again(ecom_buf_str(&text), NULL, &out, &e), e);
    nest(&text, 512);
    CHECK_CODE(ECOM_OK, again(ecom_buf_str(&text), &deep, &out, &e), e);
    CHECK(ecom_str_eq(ecom_buf_str(&text), ecom_buf_str(&out)), "512 deep came out otherwise");
    nest(&text, 513);
    CHECK_CODE(ECOM_E_TOOLARGE, again(ecom_buf_str(&text), &deep, &out, &e), e);

    text.n = 0;
    repeat(&text, "[0", 1);
    repeat(&text, ",0", 99998);
    repeat(&text, "]", 1);
    CHECK_CODE(ECOM_OK, again(ecom_buf_str(&text), NULL, &out, &e), e);
    text.n--;
    repeat(&text, ",0]", 1);
    CHECK_CODE(ECOM_E_TOOLARGE, again(ecom_buf_str(&text), NULL, &out, &e), e);
    CHECK_TEXT("more than 100000 values", e);

    text.n = 0;
    repeat(&text, "{", 1);
    for (int i = 0; i < 256; i++)
        CHECK(ecom_buf_printf(&text, "\"%d\":0%s", i, i == 255 ? "}" : ",") == ECOM_OK, "memory");
    CHECK_CODE(ECOM_OK, again(ecom_buf_str(&text), NULL, &out, &e), e);
    text.n--;
    repeat(&text, ",\"x\":0}", 1);
    CHECK_CODE(ECOM_E_TOOLARGE, again(ecom_buf_str(&text), NULL, &out, &e), e);

    text.n = 0;
    repeat(&text, " ", (1 << 20) - 1);
    repeat(&text, "1", 1);
    CHECK_CODE(ECOM_OK, again(ecom_buf_str(&text), NULL, &out, &e), e);
    repeat(&text, " ", 1);
    CHECK_CODE(ECOM_E_TOOLARGE, again(ecom_buf_str(&text), NULL, &out, &e), e);
    ecom_buf_free(&text);
    ecom_buf_free(&out);
}

static void a_deep_path_is_cut_not_overrun(void)
{
    ecom_json_limits deep = {sizeof(deep), .max_depth = 512};
    ecom_buf text = {0}, out = {0};
    ecom_error e;

    repeat(&text, "{\"a long key that takes its room in the path of the error, and more\":[", 250);
    repeat(&text, "x", 1);
    CHECK_CODE(ECOM_E_INVAL, again(ecom_buf_str(&text), &deep, &out, &e), e);
    CHECK_U64(sizeof(e.field) - 1, strlen(e.field));
    CHECK_TEXT("unexpected 'x'", e);
    ecom_buf_free(&text);
    ecom_buf_free(&out);
}

/* An object of n keys; one of them, counted from 1, may be written as another one is. */
static void many_keys(ecom_buf *out, int n, int twice, const char *as)
{
    out->n = 0;
    repeat(out, "[{", 1);
    for (int i = 1; i <= n; i++) {
        char key[32];
        snprintf(key, sizeof(key), "same start of %06d", i);
        CHECK(ecom_buf_printf(out, "%s\"%s\":%d", i > 1 ? "," : "", i == twice ? as : key, i) ==
                  ECOM_OK,
              "memory");
    }
    repeat(out, "}]", 1);
}

/* In time that grows no faster than sorting: a million comparisons, not ten thousand million. */
static void a_key_twice_is_found_among_few_and_among_many(void)
{
    static const int counts[] = {2, 3, 15, 16, 17, 18, 100, 99999};
    ecom_json_limits many = {sizeof(many), .max_bytes = 1 << 23, .max_keys = 100000,
                             .max_nodes = 200000};
    ecom_buf text = {0}, out = {0};
    ecom_error e;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        many_keys(&text, counts[i], 0, NULL);
        CHECK_CODE(ECOM_OK, again(ecom_buf_str(&text), &many, &out, &e), e);
        CHECK(ecom_str_eq(ecom_buf_str(&text), ecom_buf_str(&out)), "%d keys in another order",
              counts[i]);
        for (int k = 2; k <= counts[i]; k += counts[i] > 1000 ? counts[i] - 2 : 1) {
            many_keys(&text, counts[i], k, "same start of 00000\\u0031");
            CHECK_CODE(ECOM_E_INVAL, again(ecom_buf_str(&text), &many, &out, &e), e);
            CHECK_STR("[0].same start of 000001: is there twice", ecom_str_of(e.text));
        }
    }
    ecom_buf_free(&text);
    ecom_buf_free(&out);
}

static void members_and_integers_are_found(void)
{
    static const struct {
        const char *text;
        int64_t want;
        int code;
    } numbers[] = {
        {"0", 0, ECOM_OK},
        {"-0", 0, ECOM_OK},
        {"-0.0e5", 0, ECOM_OK},
        {"0e999999999999999999999", 0, ECOM_OK},
        {"1.0", 1, ECOM_OK},
        {"1e2", 100, ECOM_OK},
        {"12.50e1", 125, ECOM_OK},
        {"1200e-2", 12, ECOM_OK},
        {"9223372036854775807", INT64_MAX, ECOM_OK},
        {"-9223372036854775808", INT64_MIN, ECOM_OK},
        {"9223372036854775808", 0, ECOM_E_INVAL},
        {"18446744073709551615", 0, ECOM_E_INVAL},
        {"9999999999999999999e0", 0, ECOM_E_INVAL},
        {"1e19", 0, ECOM_E_INVAL},
        {"1e999999999999999999999", 0, ECOM_E_INVAL},
        {"1e-999999999999999999999", 0, ECOM_E_INVAL},
        {"1.5", 0, ECOM_E_INVAL},
        {"1200e-3", 0, ECOM_E_INVAL},
        {"true", 0, ECOM_E_INVAL},
        {"\"1\"", 0, ECOM_E_INVAL},
    };
    ecom_arena *arena = ecom_arena_new(0);
    const ecom_json *value;
    ecom_error e;
    int64_t n;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        n = 0;
        CHECK_CODE(ECOM_OK, ecom_json_parse(ecom_str_of(numbers[i].text), NULL, arena, &value, &e),
                   e);
        int r = ecom_json_int(value, &n, &e);
        CHECK(r == numbers[i].code && n == numbers[i].want, "%s: %s, %" PRId64, numbers[i].text,
              check_code(r), n);
    }
    CHECK_I64(ECOM_E_INVAL, ecom_json_int(NULL, &n, &e));
    CHECK_CODE(ECOM_OK,
               ecom_json_parse(S("{\"a\":[1,2],\"b\":\"x\\u0000y\"}"), NULL, arena, &value, &e), e);
    CHECK_U64(2, ecom_json_get(value, "a")->count);
    CHECK_U64(3, ecom_json_get(value, "b")->text.n);
    CHECK(!ecom_json_get(value, "c") && !ecom_json_get(NULL, "a"), "found what is not there");
    CHECK(!ecom_json_get(ecom_json_get(value, "a"), "a"), "found a member in an array");
    ecom_arena_free(arena);
}

static void invalid_utf8_is_written_as_replacement_characters(void)
{
    ecom_buf out = {0};

    CHECK_I64(ECOM_OK, ecom_json_write_str(&out, S("a\xFF\xC3"
                                                   "b\xED\xA0\x80\0\x1F\x7F")));
    CHECK_STR("\"a\xEF\xBF\xBD\xEF\xBF\xBD"
              "b\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
              "\\u0000\\u001f\x7F\"",
              ecom_buf_str(&out));
    ecom_buf_free(&out);
}

static void fail_each(ecom_str text, void fail(uint64_t n))
{
    ecom_json_limits many = {sizeof(many), .max_keys = 1000};
    ecom_buf out = {0};
    ecom_error e;
    int failed = 1;

    for (uint64_t n = 1; failed; n++) {
        fail(n);
        int r = again(text, &many, &out, &e);
        failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(r == (failed ? ECOM_E_NOMEM : ECOM_OK), "allocation %d: %s", (int)n, check_code(r));
        CHECK(!failed || out.n == 0, "left %zu bytes", out.n);
        CHECK(failed || (n > 5 && ecom_str_eq(text, ecom_buf_str(&out))), "%zu bytes", out.n);
        ecom_buf_free(&out);
    }
}

static void every_failed_allocation_is_nomem_and_nothing_leaks(void)
{
    ecom_buf text = {0};

    many_keys(&text, 1000, 0, NULL); /* more than an arena's first block holds */
    fail_each(ecom_buf_str(&text), check_alloc_fail_at);
    if (!check_failed)
        fail_each(ecom_buf_str(&text), check_alloc_fail_from);
    ecom_buf_free(&text);
}

static void what_fails_to_be_written_leaves_the_buffer_as_it_was(void)
{
    ecom_json leaf = {.kind = ECOM_JSON_NULL}, nested[513];
    ecom_buf out = {0};
    ecom_error e;

    CHECK_CODE(ECOM_OK, ecom_buf_append(&out, S("before")), e);
    for (size_t i = 0; i < 513; i++)
        nested[i] = (ecom_json){
            .kind = ECOM_JSON_ARRAY, .count = 1, .first = i == 512 ? &leaf : &nested[i + 1]};
    CHECK_I64(ECOM_E_TOOLARGE, ecom_json_write(&out, nested));
    CHECK_STR("before", ecom_buf_str(&out));
    CHECK_U64(0, (uint64_t)out.p[out.n]);
    CHECK_I64(ECOM_OK, ecom_json_write(&out, &nested[1]));
    CHECK_I64(ECOM_OK, ecom_json_write(&out, NULL));
    CHECK_U64(6 + 2 * 512 + 2 * 4, out.n);
    ecom_buf_free(&out);
}

static const struct check_case cases[] = {
    CASE(what_is_json_is_read_and_written_again),
    CASE(what_is_not_json_is_refused_with_its_path),
    CASE(the_byte_of_a_fault_is_named),
    CASE(each_limit_holds_one_above_it),
    CASE(the_default_limits_hold_one_above_them),
    CASE(a_deep_path_is_cut_not_overrun),
    CASE(a_key_twice_is_found_among_few_and_among_many),
    CASE(members_and_integers_are_found),
    CASE(invalid_utf8_is_written_as_replacement_characters),
    CASE(every_failed_allocation_is_nomem_and_nothing_leaks),
    CASE(what_fails_to_be_written_leaves_the_buffer_as_it_was),
};

CHECK_MAIN("json", cases)
