#include "store_suite.h"

#include <stdlib.h>

static char long_text[ECOM_BUS_MAX_HEADER + 2];

static ecom_str so_long(size_t n)
{
    memset(long_text, 'x', sizeof(long_text));
    return (ecom_str){long_text, n};
}

#define PUT(want_, change_) CHECK_CODE(want_, ecom_store_put(t->store, &(change_), NULL, &e), e)

static void a_name_may_have_64_bytes_and_not_one_more(struct store_test *t)
{
    ecom_change change = *store_change("1", 0, "x=y", "");
    ecom_entry entry = {S("x"), S("y"), 0};
    ecom_query query = {.collection = S("things")};
    ecom_error e;

    change.entries = &entry;
    entry.index = change.collection = so_long(64);
    PUT(ECOM_OK, change);
    change.collection = so_long(65);
    PUT(ECOM_E_TOOLARGE, change);
    CHECK_TEXT_IS("collection", e.field);
    change.collection = S("things");
    entry.index = so_long(65);
    PUT(ECOM_E_TOOLARGE, change);
    CHECK_TEXT_IS("entries[0].index", e.field);
    query.index = so_long(65);
    CHECK_CODE(ECOM_E_TOOLARGE, ecom_store_find(t->store, &query, NULL, NULL, NULL, &e), e);
    query = (ecom_query){.collection = so_long(65)};
    CHECK_CODE(ECOM_E_TOOLARGE, ecom_store_find(t->store, &query, NULL, NULL, NULL, &e), e);
}

static void an_id_may_have_256_bytes_and_not_one_more(struct store_test *t)
{
    ecom_change change = *store_change("1", 0, "x=y", "");
    ecom_query query = {.collection = S("things")};
    ecom_buf doc = {0};
    ecom_error e;

    change.id = so_long(256);
    PUT(ECOM_OK, change);
    int r = ecom_store_get(t->store, S("things"), change.id, &doc, NULL, &e);
    ecom_buf_free(&doc);
    CHECK_CODE(ECOM_OK, r, e);
    query.after_id = change.id;
    CHECK_TEXT_IS("", store_list(t->store, query));
    query.index = S("x");
    query.after_value = S("y");
    CHECK_TEXT_IS("", store_list(t->store, query));
    change.id = so_long(257);
    PUT(ECOM_E_TOOLARGE, change);
    CHECK_TEXT_IS("id", e.field);
    CHECK_CODE(ECOM_E_TOOLARGE, ecom_store_get(t->store, S("things"), change.id, &doc, NULL, &e),
               e);
    CHECK_CODE(ECOM_E_TOOLARGE,
               ecom_store_remove(t->store, S("things"), change.id, ECOM_REV_ANY, &e), e);
    query.after_id = change.id;
    CHECK_CODE(ECOM_E_TOOLARGE, ecom_store_find(t->store, &query, NULL, NULL, NULL, &e), e);
}

static void ids_may_have_every_printable_byte(struct store_test *t)
{
    char id[4] = "a?z";
    char want[400] = "";
    size_t n = 0;

    for (int c = 0x21; c < 0x7F; c++) {
        id[1] = (char)c;
        store_put(t->store, id, 0, "x=y", "");
        CHECK_PASSED();
        CHECK(store_rev(t->store, id), "no %s", id);
        n += (size_t)snprintf(want + n, sizeof(want) - n, "%s%s", n ? " " : "", id);
    }
    CHECK_TEXT_IS(want, ALL(t->store));
    store_put(t->store, "A?z", 0, "", ""); /* upper and lower case are two */
    CHECK(store_rev(t->store, "a?z") != store_rev(t->store, "A?z"), "case does not matter");
}

static void other_bytes_in_ids_and_names_are_refused(struct store_test *t)
{
    static const char bad[] = {0, 1, '\n', ' ', 0x7F, (char)0x80, (char)0xFF};
    static const char bad_in_names[] = {0, ' ', '/', '$', ':', '!', (char)0xC3};
    ecom_error e;

    for (size_t i = 0; i < sizeof(bad); i++) {
        ecom_change change = *store_change("1", 0, "", "");
        char id[3] = {'a', bad[i], 'b'};
        change.id = (ecom_str){id, 3};
        PUT(ECOM_E_INVAL, change);
        CHECK_TEXT_IS("id", e.field);
        CHECK_CODE(ECOM_E_INVAL, ecom_store_remove(t->store, S("things"), change.id, 1, &e), e);
    }
    for (size_t i = 0; i < sizeof(bad_in_names); i++) {
        char name[2] = {'a', bad_in_names[i]};
        ecom_entry entry = {{name, 2}, S("y"), 0};
        ecom_change change = *store_change("1", 0, "", "");
        change.collection = (ecom_str){name, 2};
        PUT(ECOM_E_INVAL, change);
        CHECK_TEXT_IS("collection", e.field);
        change = *store_change("1", 0, "", "");
        change.entries = &entry;
        change.nentries = 1;
        PUT(ECOM_E_INVAL, change);
        CHECK_TEXT_IS("entries[0].index", e.field);
    }
}

static void what_is_empty_but_must_not_be_is_refused(struct store_test *t)
{
    ecom_entry entries[2] = {{S("x"), S("y"), 0}, {S("x"), S(""), 0}};
    ecom_change change = *store_change("1", 0, "", "");
    ecom_query query = {.collection = S("")};
    ecom_buf doc = {0};
    ecom_error e;

    change.collection = S("");
    PUT(ECOM_E_INVAL, change);
    change = *store_change("", 0, "", "");
    PUT(ECOM_E_INVAL, change);
    change = *store_change("1", 0, "", "");
    change.entries = entries;
    change.nentries = 2;
    PUT(ECOM_E_INVAL, change);
    CHECK_TEXT_IS("entries[1].value", e.field);
    entries[1] = (ecom_entry){S(""), S("y"), 0};
    PUT(ECOM_E_INVAL, change);
    CHECK_TEXT_IS("entries[1].index", e.field);
    CHECK_CODE(ECOM_E_INVAL, ecom_store_get(t->store, S("things"), S(""), &doc, NULL, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_store_find(t->store, &query, NULL, NULL, NULL, &e), e);
}

static void what_is_no_object_is_refused(struct store_test *t)
{
    static const char *const bad[] = {"", " ", "1", "[]", "null", "\"{}\"", "{", "}", "{}x", "x{}"};
    ecom_change change = *store_change("1", 0, "", "");
    ecom_error e;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        change.doc = ecom_str_of(bad[i]);
        PUT(ECOM_E_INVAL, change);
        CHECK_TEXT_IS("doc", e.field);
    }
    CHECK_I64(0, store_rev(t->store, "1"));
}

static void a_document_of_one_byte_more_is_refused(struct store_test *t)
{
    ecom_change change = *store_change("1", 0, "", "");
    size_t n = ECOM_STORE_MAX_DOC + 1;
    char *bytes = malloc(n);
    ecom_error e;

    CHECK(bytes, "no memory");
    memset(bytes, ' ', n);
    bytes[0] = '{';
    bytes[n - 1] = '}';
    change.doc = (ecom_str){bytes, n};
    int r = ecom_store_put(t->store, &change, NULL, &e);
    free(bytes);
    CHECK_CODE(ECOM_E_TOOLARGE, r, e);
    CHECK(strstr(e.text, "8388608") && strstr(e.text, "8388609"), "inexact: %s", e.text);
}

static void a_value_may_have_512_bytes_and_not_one_more(struct store_test *t)
{
    ecom_change change = *store_change("1", 0, "", "");
    ecom_query query = {.collection = S("things"), .index = S("x")};
    ecom_entry entry = {S("x"), so_long(512), 0};
    ecom_error e;

    change.entries = &entry;
    change.nentries = 1;
    PUT(ECOM_OK, change);
    query.from = query.to = entry.value;
    CHECK(strlen(store_list(t->store, query)) == 514, "it is not found");
    memset(long_text, 0xFF, 512);
    change.id = S("2");
    PUT(ECOM_OK, change);
    query.from = query.to = S("");
    query.descending = 1;
    CHECK(strstr(store_list(t->store, query), "\xFF:2 "), "the highest value is not found");
    query.to = so_long(513);
    CHECK_CODE(ECOM_E_TOOLARGE, ecom_store_find(t->store, &query, NULL, NULL, NULL, &e), e);
    entry.value = so_long(513);
    PUT(ECOM_E_TOOLARGE, change);
    CHECK_TEXT_IS("entries[0].value", e.field);
}

static void a_document_may_have_1024_entries_and_not_one_more(struct store_test *t)
{
    ecom_change change = *store_change("1", 0, "", "");
    ecom_entry *entries = calloc(1025, sizeof(*entries));
    char(*values)[8] = calloc(1025, sizeof(*values));
    ecom_error e, e2;

    CHECK(entries && values, "no memory");
    for (int i = 0; i < 1025; i++) {
        int n = snprintf(values[i], sizeof(values[i]), "%04d", i);
        entries[i] = (ecom_entry){S("n"), {values[i], (size_t)n}, i % 2};
    }
    change.entries = entries;
    change.nentries = 1024;
    int r = ecom_store_put(t->store, &change, NULL, &e);
    change.nentries = 1025;
    change.expect = ECOM_REV_ANY;
    int r2 = ecom_store_put(t->store, &change, NULL, &e2);
    free(entries);
    free(values);
    CHECK_CODE(ECOM_OK, r, e);
    CHECK_CODE(ECOM_E_TOOLARGE, r2, e2);
    CHECK_TEXT_IS("entries", e2.field);
    CHECK_TEXT_IS("1023:1 1022:1 +", LIST(t->store, .index = S("n"), .descending = 1, .limit = 2));
}

static void a_change_may_have_64_events_and_not_one_more(struct store_test *t)
{
    ecom_change change = *store_change("1", 0, "", "");
    ecom_msg events[65];
    ecom_error e;
    struct waiting *w = calloc(1, sizeof(*w));

    CHECK(w, "no memory");
    for (int i = 0; i < 65; i++)
        events[i] = (ecom_msg){.id = S("e"), .topic = S("t")};
    change.events = events;
    change.nevents = 64;
    int r = ecom_store_put(t->store, &change, NULL, &e);
    store_pending(t->store, INT64_MAX, 1000, w);
    size_t n = w->n;
    free(w);
    CHECK_CODE(ECOM_OK, r, e);
    CHECK_I64(64, n);
    change.nevents = 65;
    change.expect = ECOM_REV_ANY;
    PUT(ECOM_E_TOOLARGE, change);
    CHECK_TEXT_IS("events", e.field);
}

static void an_event_that_no_bus_would_take_is_refused(struct store_test *t)
{
    static ecom_header headers[33];
    char *big = calloc(1, ECOM_BUS_MAX_BODY + 1);
    const ecom_msg good = {.id = S("e"), .topic = S("t")};
    struct {
        ecom_msg msg;
        int code;
        const char *field;
    } bad[12];
    size_t n = 0;
    ecom_error e;

    CHECK(big, "no memory");
    for (int i = 0; i < 33; i++)
        headers[i] = (ecom_header){S("h"), S("v")};
    for (size_t i = 0; i < 12; i++)
        bad[i].msg = good;
#define BAD(code_, field_, set_) (bad[n].msg.set_, bad[n].code = (code_), bad[n++].field = (field_))
    BAD(ECOM_E_INVAL, "events[1].id", id = S(""));
    BAD(ECOM_E_INVAL, "events[1].id", id = S("a b"));
    BAD(ECOM_E_TOOLARGE, "events[1].id", id = so_long(257));
    BAD(ECOM_E_INVAL, "events[1].topic", topic = S(""));
    BAD(ECOM_E_INVAL, "events[1].topic", topic = S(".."));
    BAD(ECOM_E_INVAL, "events[1].topic", topic = S("a/b"));
    BAD(ECOM_E_TOOLARGE, "events[1].topic", topic = so_long(ECOM_BUS_MAX_NAME + 1));
    BAD(ECOM_E_TOOLARGE, "events[1].key", key = so_long(ECOM_BUS_MAX_KEY + 1));
    BAD(ECOM_E_TOOLARGE, "events[1].body", body = ((ecom_str){big, ECOM_BUS_MAX_BODY + 1}));
    bad[n].msg.headers = headers;
    BAD(ECOM_E_TOOLARGE, "events[1].headers", nheaders = 33);
    const ecom_header no_name = {S(""), S("v")}, long_one = {S("h"), so_long(ECOM_BUS_MAX_HEADER)};
    bad[n].msg.headers = &no_name;
    BAD(ECOM_E_INVAL, "events[1].headers[0].name", nheaders = 1);
    bad[n].msg.headers = &long_one;
    BAD(ECOM_E_TOOLARGE, "events[1].headers[0].value", nheaders = 1);
    for (size_t i = 0; i < n; i++) {
        const ecom_msg events[2] = {good, bad[i].msg};
        ecom_change change = *store_change("1", 0, "", "");
        change.events = events;
        change.nevents = 2;
        int r = ecom_store_put(t->store, &change, NULL, &e);
        if (r != bad[i].code || strcmp(e.field, bad[i].field) != 0)
            FAIL("want %s of %s, got %s of %s", ecom__suite_code(bad[i].code), bad[i].field,
                 ecom__suite_code(r), r < 0 ? e.field : "");
    }
    free(big);
    CHECK_TEXT_IS("", store_pending(t->store, INT64_MAX, 0, NULL));
}

static int no_pending_row(void *user, const ecom_pending *p)
{
    (void)user, (void)p;
    return 0;
}

static void a_page_of_more_than_1000_is_refused(struct store_test *t)
{
    ecom_query query = {.collection = S("things"), .limit = 1001};
    ecom_str *tokens = calloc(1001, sizeof(*tokens));
    ecom_error e, e2;

    CHECK(tokens, "no memory");
    int r = ecom_store_published(t->store, tokens, 1001, &e);
    int r2 = ecom_store_published(t->store, tokens, 1000, &e2);
    free(tokens);
    CHECK_CODE(ECOM_E_TOOLARGE, r, e);
    CHECK_CODE(ECOM_OK, r2, e2);
    CHECK_CODE(ECOM_E_TOOLARGE, ecom_store_find(t->store, &query, NULL, NULL, NULL, &e), e);
    CHECK_TEXT_IS("limit", e.field);
    CHECK_CODE(ECOM_E_TOOLARGE, ecom_store_pending(t->store, 0, 1001, no_pending_row, NULL, &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_pending(t->store, 0, 1000, no_pending_row, NULL, &e), e);
}

static void half_a_cursor_is_refused(struct store_test *t)
{
    ecom_query query = {.collection = S("things"), .index = S("x"), .after_id = S("1")};
    ecom_error e;

    CHECK_CODE(ECOM_E_INVAL, ecom_store_find(t->store, &query, NULL, NULL, NULL, &e), e);
    CHECK_TEXT_IS("after_value", e.field);
    query.after_id = S("");
    query.after_value = S("v");
    CHECK_CODE(ECOM_E_INVAL, ecom_store_find(t->store, &query, NULL, NULL, NULL, &e), e);
    CHECK_TEXT_IS("after_id", e.field);
}

static void a_caller_that_wants_no_reason_gets_none(struct store_test *t)
{
    ecom_change bad = *store_change("a b", 0, "", "");

    CHECK_I64(ECOM_E_INVAL, ecom_store_put(t->store, &bad, NULL, NULL));
    store_put(t->store, "1", 0, "!x=y", "");
    CHECK_I64(ECOM_E_CONFLICT, ecom_store_put(t->store, store_change("1", 0, "", ""), NULL, NULL));
    CHECK_I64(ECOM_E_EXISTS,
              ecom_store_put(t->store, store_change("2", 0, "!x=y", ""), NULL, NULL));
    CHECK_I64(ECOM_E_NOTFOUND, ecom_store_remove(t->store, S("things"), S("9"), 1, NULL));
    CHECK_I64(ECOM_OK, ecom_store_backlog(t->store, NULL, NULL, NULL));
}

static const struct store_case cases[] = {
    CASE(0, a_name_may_have_64_bytes_and_not_one_more),
    CASE(0, an_id_may_have_256_bytes_and_not_one_more),
    CASE(0, ids_may_have_every_printable_byte),
    CASE(0, other_bytes_in_ids_and_names_are_refused),
    CASE(0, what_is_empty_but_must_not_be_is_refused),
    CASE(0, what_is_no_object_is_refused),
    CASE(0, a_document_of_one_byte_more_is_refused),
    CASE(0, a_value_may_have_512_bytes_and_not_one_more),
    CASE(0, a_document_may_have_1024_entries_and_not_one_more),
    CASE(0, a_change_may_have_64_events_and_not_one_more),
    CASE(0, an_event_that_no_bus_would_take_is_refused),
    CASE(0, a_page_of_more_than_1000_is_refused),
    CASE(0, half_a_cursor_is_refused),
    CASE(0, a_caller_that_wants_no_reason_gets_none),
};

const struct store_cases ecom__store_limit_cases = {cases, sizeof(cases) / sizeof(cases[0])};
