#include "check.h"

#include <stdlib.h>

#include "everything.h"

/* The least that is accepted. */
static const char *const least[][2] = {
    {"id", "\"01890a5d-ac96-774b-bcce-b302099a8057\""},
    {"name", "\"a\""},
    {"count", "0"},
    {"born", "\"2026-11-22T18:25:43.511Z\""},
    {"main", "{\"sku\":\"s\"}"},
    {"parts", "[]"},
};

static const char full[] =
    "{\"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\",\"name\":\"a\\\"b\xC3\xA9\","
    "\"text\":\"two\\nlines\\r\\n\\tthree\",\"email\":\"Ann@example.com\",\"currency\":\"EUR\","
    "\"secret\":\"12345678\",\"note\":\"\",\"count\":-9223372036854775807,\"level\":-5,"
    "\"price\":0.01,\"total\":-10000000000000,\"born\":\"1969-12-31T23:59:59.999Z\","
    "\"seen\":\"9999-12-31T23:59:59.999Z\",\"open\":false,\"known\":true,\"color\":\"BLUE\","
    "\"size\":\"RED\",\"main\":{\"sku\":\"m\",\"quantity\":99,\"price\":19.9},"
    "\"spare\":{\"sku\":\"s\",\"quantity\":1},\"parts\":[{\"sku\":\"1\",\"quantity\":1},"
    "{\"sku\":\"2\",\"quantity\":2},{\"sku\":\"3\",\"quantity\":3}],"
    "\"extras\":[{\"sku\":\"e\",\"quantity\":1,\"price\":-5}]}";

/* The world of a case: an arena, what was read, what was written. */
static ecom_arena *arena;
static struct everything thing;
static ecom_buf text;
static ecom_error e;

static void begin(void)
{
    arena = ecom_arena_new(0);
    text = (ecom_buf){0};
    memset(&thing, 0xAA, sizeof(thing));
}

static void end(void)
{
    ecom_arena_free(arena);
    ecom_buf_free(&text);
}

static int read_text(ecom_str json)
{
    return ecom_record_read(&everything, json, NULL, arena, &thing, &e);
}

/* Reads the least text with one member more or of another value; NULL: without it. */
static int read_with(const char *name, const char *value)
{
    int n = 0;

    text.n = 0;
    for (size_t i = 0; i < sizeof(least) / sizeof(least[0]); i++)
        if (strcmp(least[i][0], name) != 0 &&
            ecom_buf_printf(&text, "%c\"%s\":%s", n++ ? ',' : '{', least[i][0], least[i][1]) < 0)
            return ECOM_E_NOMEM;
    if (value && ecom_buf_printf(&text, ",\"%s\":%s", name, value) < 0)
        return ECOM_E_NOMEM;
    if (ecom_buf_append(&text, S("}")) < 0)
        return ECOM_E_NOMEM;
    return read_text(ecom_buf_str(&text));
}

static void every_type_is_read_and_written_again(void)
{
    begin();
    CHECK_CODE(ECOM_OK, read_text(ecom_str_of(full)), e);
    CHECK_CODE(ECOM_OK, ecom_record_check(&everything, &thing, &e), e);
    CHECK_STR("a\"b\xC3\xA9", thing.name);
    CHECK_I64(1, thing.price);
    CHECK_I64(-ECOM_MONEY_MAX, thing.total);
    CHECK_I64(-1, thing.born);
    CHECK_I64(2, thing.color);
    CHECK_I64(1990, thing.main.price);
    CHECK_I64(ECOM_ABSENT, thing.spare.price);
    CHECK_U64(3, thing.parts.n);
    CHECK_I64(2, ((struct everything_part *)thing.parts.items)[1].quantity);
    CHECK_I64(ECOM_OK, ecom_record_write(&everything, &thing, ECOM_VIEW_STORE, &text));
    CHECK_STR(full, ecom_buf_str(&text));
    end();
}

static void callers_never_see_secret_and_private_fields(void)
{
    begin();
    CHECK_CODE(ECOM_OK, read_text(ecom_str_of(full)), e);
    CHECK_I64(ECOM_OK, ecom_record_write(&everything, &thing, ECOM_VIEW_PUBLIC, &text));
    CHECK(!strstr(text.p, "secret") && !strstr(text.p, "level") && !strstr(text.p, "note"), "%s",
          text.p);
    CHECK(!strstr(text.p, "19.9"), "a private field of a part: %s", text.p);
    CHECK(strstr(text.p, "\"main\":{\"sku\":\"m\",\"quantity\":99}"), "%s", text.p);
    end();
}

static void what_is_left_out_or_null_is_absent_or_its_fallback(void)
{
    static const char *const optional[] = {"text",  "email", "currency", "secret", "note",
                                           "level", "price", "total",    "seen",   "open",
                                           "known", "color", "size",     "spare",  "extras"};

    begin();
    for (size_t i = 0; i < 1 + sizeof(optional) / sizeof(optional[0]); i++) {
        CHECK_CODE(ECOM_OK, read_with(i ? optional[i - 1] : "unknown", "null"), e);
        CHECK(!thing.text.p && !thing.email.p && !thing.note.p && !thing.secret.p, "a string");
        CHECK_STR("USD", thing.currency);
        CHECK_I64(3, thing.level);
        CHECK_I64(ECOM_ABSENT, thing.price);
        CHECK_I64(1990, thing.total);
        CHECK_I64(INT64_C(1767225600000), thing.seen);
        CHECK_I64(1, thing.open);
        CHECK_I64(ECOM_ABSENT32, thing.known);
        CHECK_I64(1, thing.color);
        CHECK_I64(ECOM_ABSENT32, thing.size);
        CHECK_I64(1, thing.main.quantity);
        CHECK(!thing.spare.sku.p && thing.spare.quantity == ECOM_ABSENT, "a record");
        CHECK(!thing.extras.items && thing.parts.items && thing.parts.n == 0, "a list");
    }
    text.n = 0;
    CHECK_I64(ECOM_OK, ecom_record_write(&everything, &thing, ECOM_VIEW_PUBLIC, &text));
    CHECK_STR("{\"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\",\"name\":\"a\","
              "\"currency\":\"USD\",\"count\":0,\"total\":19.9,"
              "\"born\":\"2026-11-22T18:25:43.511Z\",\"seen\":\"2026-01-01T00:00:00.000Z\","
              "\"open\":true,\"color\":\"GREEN\",\"main\":{\"sku\":\"s\",\"quantity\":1},"
              "\"parts\":[]}",
              ecom_buf_str(&text));
    end();
}

static void what_is_required_is_missed_by_name(void)
{
    begin();
    for (size_t i = 0; i < sizeof(least) / sizeof(least[0]); i++)
        for (int null = 0; null < 2; null++) {
            char want[64];
            CHECK_CODE(ECOM_E_INVAL, read_with(least[i][0], null ? "null" : NULL), e);
            snprintf(want, sizeof(want), "%s: is required", least[i][0]);
            CHECK_STR(want, ecom_str_of(e.text));
            CHECK_STR(least[i][0], ecom_str_of(e.field));
        }
    end();
}

/* A string of n times the same, in quotes. */
static const char *many(const char *what, size_t n)
{
    static char room[20000];
    char *p = room;

    *p++ = '"';
    for (; n; n--)
        p = stpcpy(p, what);
    strcpy(p, "\"");
    return room;
}

static void every_wrong_value_is_refused_by_path_and_rule(void)
{
    static const struct {
        const char *name, *value, *text;
    } wrong[] = {
        {"id", "7", "id: must be a string, is a number"},
        {"id", "\"01890A5D-AC96-774B-BCCE-B302099A8057\"", "id: must be a UUID in lower case"},
        {"id", "\"01890a5d-ac96-774b-bcce-b302099a805\"", "id: must be a UUID in lower case"},
        {"name", "\"\"", "name: must not be empty"},
        {"name", "\"12345678901\"", "name: must be at most 10 characters, is 11"},
        {"name", "[\"a\"]", "name: must be a string, is an array"},
        {"name", "\"a\\u0000\"", "name: must not hold the control character 0x00"},
        {"name", "\"a\\n\"", "name: must not hold the control character 0x0a"},
        {"name", "\"\\u007f\"", "name: must not hold the control character 0x7f"},
        {"text", "\"a\\u0000\"", "text: must not hold the control character 0x00"},
        {"text", "\"a\\u000b\"", "text: must not hold the control character 0x0b"},
        {"text", "true", "text: must be a string, is a truth value"},
        {"currency", "\"eur\"", "currency: must be a currency of three capital letters"},
        {"currency", "\"EURO\"", "currency: must be a currency"},
        {"currency", "\"EU\"", "currency: must be a currency"},
        {"currency", "\"\"", "currency: must be a currency"},
        {"secret", "\"1234567\"", "secret: must be at least 8 characters, is 7"},
        {"secret", "\"1234567890123\"", "secret: must be at most 12 characters, is 13"},
        {"count", "1.5", "count: must be an integer"},
        {"count", "\"1\"", "count: must be an integer, is a string"},
        {"count", "9223372036854775808", "count: must be at most 9223372036854775807"},
        {"count", "-9223372036854775808", "count: must be at least -9223372036854775807"},
        {"count", "1e30", "count: must be at most 9223372036854775807"},
        {"count", "-1e30", "count: must be at least -9223372036854775807"},
        {"price", "0", "price: must be at least 0.01, is 0"},
        {"price", "-1", "price: must be at least 0.01, is -1"},
        {"price", "0.001", "price: must have at most two decimal places"},
        {"price", "19.999", "price: must have at most two decimal places"},
        {"price", "1000.01", "price: must be at most 1000, is 1000.01"},
        {"price", "\"19.99\"", "price: must be a number, is a string"},
        {"price", "1e400", "price: must be at most 1000"},
        {"price", "1e-400", "price: must have at most two decimal places"},
        {"total", "10000000000000.01", "total: must be at most 10000000000000, is"},
        {"total", "-10000000000000.01", "total: must be at least -10000000000000, is"},
        {"born", "1", "born: must be a time, is a number"},
        {"born", "\"2026-02-30T00:00:00Z\"", "born: must be a time such as"},
        {"born", "\"0000-01-01T00:00:00+00:01\"", "born: must be at least 0000-01-01"},
        {"born", "\"9999-12-31T23:59:59-00:01\"", "born: must be at most 9999-12-31"},
        {"seen", "\"1970-01-01T00:00:00Z\"", "seen: must be at least 1970-01-01T00:00:00.001Z, is"},
        {"open", "1", "open: must be true or false, is a number"},
        {"open", "\"true\"", "open: must be true or false, is a string"},
        {"color", "\"red\"", "color: must be one of RED, GREEN, BLUE"},
        {"color", "0", "color: must be a string, is a number"},
        {"main", "[]", "main: must be an object, is an array"},
        {"main", "{}", "main.sku: is required"},
        {"main", "{\"sku\":\"123456789\"}", "main.sku: must be at most 8 characters, is 9"},
        {"spare", "{\"quantity\":1}", "spare.sku: is required"},
        {"spare", "{\"sku\":\"s\",\"price\":1.001}", "spare.price: must have at most two"},
        {"parts", "{}", "parts: must be an array, is an object"},
        {"parts", "[1]", "parts[0]: must be an object, is a number"},
        {"parts", "[null]", "parts[0]: must be an object, is null"},
        {"parts", "[{\"sku\":\"a\"},{\"sku\":\"a\"},{\"sku\":\"a\",\"quantity\":0}]",
         "parts[2].quantity: must be at least 1, is 0"},
        {"parts", "[{\"sku\":\"a\"},{\"sku\":\"a\",\"quantity\":100}]",
         "parts[1].quantity: must be at most 99, is 100"},
        {"parts", "[{\"sku\":\"a\"},{\"sku\":\"a\"},{\"sku\":\"a\"},{}]",
         "parts: must be at most 3 items, is 4"},
        {"extras", "[]", "extras: must not be empty"},
    };

    begin();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int r = read_with(wrong[i].name, wrong[i].value);
        CHECK(r == ECOM_E_INVAL, "%s: %s: %s", wrong[i].name, wrong[i].value, check_code(r));
        CHECK(strstr(e.text, wrong[i].text) == e.text, "%s: %s: \"%s\", not \"%s\"", wrong[i].name,
              wrong[i].value, e.text, wrong[i].text);
        CHECK(strncmp(e.field, e.text, strlen(e.field)) == 0 && e.field[0], "field %s", e.field);
    }
    CHECK_CODE(ECOM_E_INVAL, read_text(S("[]")), e);
    CHECK_STR("must be an object, is an array", ecom_str_of(e.text));
    end();
}

static void every_bound_is_met_exactly(void)
{
    begin();
    CHECK_CODE(ECOM_OK, read_with("name", many("\xF0\x9F\x98\x80", 10)), e);
    CHECK_CODE(ECOM_E_INVAL, read_with("name", many("\xF0\x9F\x98\x80", 11)), e);
    CHECK_CODE(ECOM_OK, read_with("text", many("x", 4096)), e);
    CHECK_CODE(ECOM_E_INVAL, read_with("text", many("x", 4097)), e);
    CHECK_STR("text: must be at most 4096 characters, is 4097", ecom_str_of(e.text));
    CHECK_CODE(ECOM_OK, read_with("secret", many("x", 8)), e);
    CHECK_CODE(ECOM_OK, read_with("secret", many("x", 12)), e);
    CHECK_CODE(ECOM_OK, read_with("count", "9223372036854775807"), e);
    CHECK_CODE(ECOM_OK, read_with("count", "-9223372036854775807"), e);
    CHECK_CODE(ECOM_OK, read_with("level", "5"), e);
    CHECK_CODE(ECOM_OK, read_with("level", "-5"), e);
    CHECK_CODE(ECOM_OK, read_with("price", "0.01"), e);
    CHECK_CODE(ECOM_OK, read_with("price", "1000.00"), e);
    CHECK_CODE(ECOM_OK, read_with("price", "10000e-1"), e);
    CHECK_CODE(ECOM_OK, read_with("total", "1e13"), e);
    CHECK_I64(ECOM_MONEY_MAX, thing.total);
    CHECK_CODE(ECOM_OK, read_with("total", "-1e13"), e);
    CHECK_CODE(ECOM_OK, read_with("parts", "[{\"sku\":\"a\"},{\"sku\":\"a\"},{\"sku\":\"a\"}]"), e);

    ecom_buf list = {0};
    for (int i = 0; i < 1001; i++)
        CHECK_I64(ECOM_OK,
                  ecom_buf_append(&list, i ? S(",{\"sku\":\"a\"}") : S("[{\"sku\":\"a\"}")));
    CHECK_I64(ECOM_OK, ecom_buf_append(&list, S("]")));
    CHECK_CODE(ECOM_E_INVAL, read_with("extras", list.p), e);
    CHECK_STR("extras: must be at most 1000 items, is 1001", ecom_str_of(e.text));
    list.n -= 13;
    CHECK_I64(ECOM_OK, ecom_buf_append(&list, S("]")));
    CHECK_CODE(ECOM_OK, read_with("extras", list.p), e);
    CHECK_U64(1000, thing.extras.n);
    ecom_buf_free(&list);
    end();
}

static void what_is_found_in_a_secret_field_is_not_told(void)
{
    begin();
    CHECK_CODE(ECOM_E_INVAL, read_with("level", "66"), e);
    CHECK_STR("level: must be at most 5", ecom_str_of(e.text));
    CHECK_CODE(ECOM_E_INVAL, read_with("secret", "\"hunter2\""), e);
    CHECK(!strstr(e.text, "hunter"), "told: %s", e.text);
    end();
}

static void addresses_are_one_local_part_and_one_host(void)
{
    static const char *const good[] = {
        "a@b",
        "root@localhost",
        "ann@example.com",
        "Ann.O'Neil+shop=1@mail.example.co.uk",
        "!#$%&'*+/=?^_`{|}~-@x.y",
        "j\xC3\xB6rg@m\xC3\xBCller.example",
        "1@1.1",
        "a@x--y.z",
    };
    static const char *const bad[] = {
        "",
        "a",
        "@",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "a@b c",
        " a@b",
        "a@b ",
        "a\n@b",
        "a@b\n",
        ".a@b",
        "a.@b",
        "a..b@c",
        "a@.b",
        "a@b.",
        "a@b..c",
        "a@-b",
        "a@b-",
        "a@b-.c",
        "a@b.-c",
        "a@b_c",
        "a@[127.0.0.1]",
        "\"a\"@b",
        "a,b@c",
        "<a@b>",
        "a:b@c",
        "a\xC2\xA0@b",
        "a@b\xE2\x80\x8B.c",
        "a\xE2\x80\xAE@b",
        "a@\xEF\xBB\xBFz",
        "a\x7F@b",
        "a@b\xC2\x85",
        "a\\@b",
        "(a)@b",
        "a@b/c",
        "a@b:25",
    };
    char json[700], local[65], label[64];

    begin();
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(json, sizeof(json), "\"%s\"", good[i]);
        CHECK_CODE(ECOM_OK, read_with("email", json), e);
        CHECK_STR(good[i], thing.email);
    }
    CHECK_CODE(ECOM_OK, read_with("count", "1"), e);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        thing.email = ecom_str_of(bad[i]);
        CHECK(ecom_record_check(&everything, &thing, &e) == ECOM_E_INVAL, "took %s", bad[i]);
        CHECK_STR("email", ecom_str_of(e.field));
    }
    memset(local, 'l', sizeof(local));
    memset(label, 'd', sizeof(label));
    for (int more = 0; more < 2; more++) {
        int want = more ? ECOM_E_INVAL : ECOM_OK;
        snprintf(json, sizeof(json), "\"%.*s@b\"", 64 + more, local);
        CHECK_CODE(want, read_with("email", json), e);
        snprintf(json, sizeof(json), "\"a@%.*s.b\"", 63 + more, label);
        CHECK_CODE(want, read_with("email", json), e);
        snprintf(json, sizeof(json), "\"%.*s@%.63s.%.63s.%.*s\"", 64, local, label, label,
                 61 + more, label);
        CHECK_CODE(want, read_with("email", json), e);
    }
    CHECK_STR("email: must be at most 254 bytes, is 255", ecom_str_of(e.text));
    end();
}

static void a_struct_built_in_c_is_checked_by_the_same_rules(void)
{
    struct everything_part part;

    begin();
    ecom_record_init(&everything, &thing);
    CHECK_CODE(ECOM_E_INVAL, ecom_record_check(&everything, &thing, &e), e);
    CHECK_STR("id: is required", ecom_str_of(e.text));
    thing.id = S("01890a5d-ac96-774b-bcce-b302099a8057");
    thing.name = S("a");
    thing.count = 1;
    thing.born = 0;
    CHECK_CODE(ECOM_E_INVAL, ecom_record_check(&everything, &thing, &e), e);
    CHECK_STR("main.sku: is required", ecom_str_of(e.text));
    thing.main.sku = S("m");
    CHECK_CODE(ECOM_OK, ecom_record_check(&everything, &thing, &e), e);

    thing.name = S("\xFF");
    CHECK_CODE(ECOM_E_INVAL, ecom_record_check(&everything, &thing, &e), e);
    CHECK_STR("name: must be UTF-8", ecom_str_of(e.text));
    thing.name = S("a");
    thing.open = 2;
    CHECK_CODE(ECOM_E_INVAL, ecom_record_check(&everything, &thing, &e), e);
    CHECK_STR("open: must be true or false", ecom_str_of(e.text));
    thing.open = 1;
    thing.color = 3;
    CHECK_CODE(ECOM_E_INVAL, ecom_record_check(&everything, &thing, &e), e);
    CHECK_STR("color: must be one of RED, GREEN, BLUE", ecom_str_of(e.text));
    CHECK_I64(ECOM_OK, ecom_record_write(&everything, &thing, ECOM_VIEW_PUBLIC, &text));
    CHECK(strstr(text.p, "\"color\":null"), "%s", text.p);
    thing.color = ECOM_ABSENT32;

    ecom_record_init(&everything_part, &part);
    thing.parts = (ecom_list){&part, 1};
    CHECK_CODE(ECOM_E_INVAL, ecom_record_check(&everything, &thing, &e), e);
    CHECK_STR("parts[0].sku: is required", ecom_str_of(e.text));
    thing.parts = (ecom_list){&part, 4};
    CHECK_CODE(ECOM_E_INVAL, ecom_record_check(&everything, &thing, &e), e);
    thing.parts = (ecom_list){0};
    thing.spare.quantity = 1;
    CHECK_CODE(ECOM_E_INVAL, ecom_record_check(&everything, &thing, &e), e);
    CHECK_STR("spare.sku: is required", ecom_str_of(e.text));
    end();
}

/* Does the library answer as the vector says? */
static void check_money(const ecom_json *vector)
{
    const ecom_json *minor = ecom_json_get(vector, "minor");
    ecom_str amount = ecom_json_get(vector, "text")->text;
    int64_t want = 77, got = 77;
    int r = ecom_money_parse(amount, &got, &e);

    CHECK(r == (minor ? ECOM_OK : ECOM_E_INVAL), "\"%.*s\": %s", (int)amount.n, amount.p,
          check_code(r));
    if (minor)
        CHECK_CODE(ECOM_OK, ecom_json_int(minor, &want, &e), e);
    CHECK_I64(want, got);
    if (!minor)
        return;
    text.n = 0;
    CHECK_I64(ECOM_OK, ecom_money_write(&text, got));
    CHECK(ecom_str_eq(ecom_json_get(vector, "again")->text, ecom_buf_str(&text)), "%s", text.p);
}

static void money_is_exact(void)
{
    const ecom_json *vectors;
    FILE *f = fopen(VECTORS "/money.json", "rb");

    begin();
    CHECK(f && ecom_buf_reserve(&text, 1 << 16) == ECOM_OK, "no vectors");
    text.n = fread(text.p, 1, 1 << 16, f);
    fclose(f);
    CHECK_CODE(ECOM_OK, ecom_json_parse(ecom_buf_str(&text), NULL, arena, &vectors, &e), e);
    CHECK(vectors->count >= 40, "only %u vectors", vectors->count);
    for (const ecom_json *v = vectors->first; v && !check_failed; v = v->next)
        check_money(v);
    text.n = 0;
    CHECK_I64(ECOM_OK, ecom_money_write(&text, INT64_MIN));
    CHECK_STR("-92233720368547758.08", ecom_buf_str(&text));
    end();
}

static const ecom_field *field_called(const char *name)
{
    for (size_t i = 0; i < everything.nfields; i++)
        if (strcmp(everything.fields[i].name, name) == 0)
            return &everything.fields[i];
    abort();
}

static int parse(const char *name, const char *value)
{
    return ecom_field_parse(field_called(name), ecom_str_of(value), arena, &thing, &e);
}

static void a_persons_text_is_read_as_the_field(void)
{
    static const char *const truths[] = {"true", "1", "yes", "on", "TRUE", "On"};
    static const char *const lies[] = {"false", "0", "no", "off", "False", "NO"};

    begin();
    for (size_t i = 0; i < 6; i++) {
        CHECK_CODE(ECOM_OK, parse("open", truths[i]), e);
        CHECK_I64(1, thing.open);
        CHECK_CODE(ECOM_OK, parse("open", lies[i]), e);
        CHECK_I64(0, thing.open);
    }
    CHECK_CODE(ECOM_E_INVAL, parse("open", "maybe"), e);
    CHECK_STR("open: must be true or false", ecom_str_of(e.text));
    CHECK_CODE(ECOM_OK, parse("color", "blue"), e);
    CHECK_I64(2, thing.color);
    CHECK_CODE(ECOM_E_INVAL, parse("color", "pink"), e);
    CHECK_CODE(ECOM_OK, parse("price", "12.50"), e);
    CHECK_I64(1250, thing.price);
    CHECK_CODE(ECOM_E_INVAL, parse("price", "0"), e);
    CHECK_STR("price: must be at least 0.01, is 0", ecom_str_of(e.text));
    CHECK_CODE(ECOM_E_INVAL, parse("price", "12,50"), e);
    CHECK_STR("price: must be a number", ecom_str_of(e.text));
    CHECK_CODE(ECOM_OK, parse("count", "-7"), e);
    CHECK_I64(-7, thing.count);
    CHECK_CODE(ECOM_E_INVAL, parse("count", ""), e);
    CHECK_CODE(ECOM_OK, parse("born", "1970-01-01T00:00:01Z"), e);
    CHECK_I64(1000, thing.born);
    CHECK_CODE(ECOM_E_INVAL, parse("born", "yesterday"), e);
    CHECK_CODE(ECOM_OK, parse("name", "shop"), e);
    CHECK_STR("shop", thing.name);
    CHECK_CODE(ECOM_E_INVAL, parse("name", ""), e);
    CHECK_CODE(ECOM_E_INVAL, parse("secret", "short"), e);
    CHECK_STR("secret: must be at least 8 characters, is 5", ecom_str_of(e.text));
    CHECK_CODE(ECOM_E_NOTSUP, parse("parts", "[]"), e);
    CHECK_CODE(ECOM_E_NOTSUP, parse("main", "{}"), e);
    end();
}

struct guest {
    ecom_str name, hint;
    int64_t age;
};
static const ecom_field guest_fields[] = {
    ECOM_FIELD(struct guest, name, "name", STRING, .flags = ECOM_NULLABLE),
    ECOM_FIELD(struct guest, hint, "hint", STRING),
    ECOM_FIELD(struct guest, age, "age", INT, .flags = ECOM_NULLABLE),
};
static const ecom_record guest_record = ECOM_RECORD("Guest", struct guest, guest_fields);

static void what_is_nullable_is_null_for_callers_and_left_out_in_the_store(void)
{
    struct guest guest;

    begin();
    ecom_record_init(&guest_record, &guest);
    CHECK_I64(ECOM_OK, ecom_record_write(&guest_record, &guest, ECOM_VIEW_PUBLIC, &text));
    CHECK_STR("{\"name\":null,\"age\":null}", ecom_buf_str(&text));
    CHECK_CODE(ECOM_OK,
               ecom_record_read(&guest_record, ecom_buf_str(&text), NULL, arena, &guest, &e), e);
    CHECK(!guest.name.p, "not absent");
    text.n = 0;
    CHECK_I64(ECOM_OK, ecom_record_write(&guest_record, &guest, ECOM_VIEW_STORE, &text));
    CHECK_STR("{}", ecom_buf_str(&text));
    text.n = 0;
    CHECK_I64(ECOM_OK, ecom_record_schema(&guest_record, 0, &text));
    CHECK(strstr(text.p, "\"name\":{\"type\":[\"string\",\"null\"]"), "%s", text.p);
    CHECK(strstr(text.p, "\"hint\":{\"type\":\"string\""), "%s", text.p);
    CHECK(strstr(text.p, "\"required\":[\"name\",\"age\"]"), "%s", text.p);
    end();
}

static void a_record_is_read_from_a_part_of_a_text(void)
{
    const ecom_json *value;
    struct everything_part part;
    ecom_arena *other = ecom_arena_new(0);

    begin();
    CHECK_CODE(ECOM_OK,
               ecom_json_parse(S("{\"input\":{\"more\":[],\"quantity\":1e1,\"sku\":\"x\"}}"), NULL,
                               other, &value, &e),
               e);
    CHECK_CODE(
        ECOM_OK,
        ecom_record_from_json(&everything_part, ecom_json_get(value, "input"), arena, &part, &e),
        e);
    ecom_arena_free(other); /* the record keeps nothing of it */
    CHECK_STR("x", part.sku);
    CHECK_I64(10, part.quantity);
    end();
}

static void every_failed_allocation_is_nomem_and_loses_nothing(void)
{
    for (uint64_t n = 1;; n++) {
        begin();
        check_alloc_fail_at(0);
        int r = ecom_buf_append(&text, S("before"));
        check_alloc_fail_at(n);
        if (r == ECOM_OK)
            r = read_text(ecom_str_of(full));
        if (r == ECOM_OK)
            r = ecom_record_write(&everything, &thing, ECOM_VIEW_STORE, &text);
        int failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(r == (failed ? ECOM_E_NOMEM : ECOM_OK), "allocation %d: %s", (int)n, check_code(r));
        if (failed)
            CHECK_STR("before", ecom_buf_str(&text));
        end();
        if (!failed)
            break;
    }
    arena = ecom_arena_new(600); /* no room: the same */
    CHECK_CODE(ECOM_E_NOMEM, read_text(ecom_str_of(full)), e);
    ecom_arena_free(arena);
}

static const struct check_case cases[] = {
    CASE(every_type_is_read_and_written_again),
    CASE(callers_never_see_secret_and_private_fields),
    CASE(what_is_left_out_or_null_is_absent_or_its_fallback),
    CASE(what_is_required_is_missed_by_name),
    CASE(every_wrong_value_is_refused_by_path_and_rule),
    CASE(every_bound_is_met_exactly),
    CASE(what_is_found_in_a_secret_field_is_not_told),
    CASE(addresses_are_one_local_part_and_one_host),
    CASE(a_struct_built_in_c_is_checked_by_the_same_rules),
    CASE(money_is_exact),
    CASE(a_persons_text_is_read_as_the_field),
    CASE(what_is_nullable_is_null_for_callers_and_left_out_in_the_store),
    CASE(a_record_is_read_from_a_part_of_a_text),
    CASE(every_failed_allocation_is_nomem_and_loses_nothing),
};

CHECK_MAIN("record", cases)
