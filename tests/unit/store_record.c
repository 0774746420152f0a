#include "check.h"

#include "store/record.h"

struct inner {
    ecom_str text;
};

struct thing {
    ecom_str id, sku, plain;
    int64_t count, price, at;
    int32_t color, on;
    struct inner inner;
    ecom_list list;
};

static const char *const colors[] = {"RED", "BLUE", NULL};
static const ecom_field inner_fields[] = {
    ECOM_FIELD(struct inner, text, "text", STRING, .flags = ECOM_INDEX),
};
static const ecom_record inner_record = ECOM_RECORD("Inner", struct inner, inner_fields);
static const ecom_field fields[] = {
    ECOM_FIELD(struct thing, id, "id", STRING, .flags = ECOM_REQUIRED),
    ECOM_FIELD(struct thing, sku, "sku", STRING, .flags = ECOM_UNIQUE),
    ECOM_FIELD(struct thing, plain, "plain", STRING),
    ECOM_FIELD(struct thing, count, "count", INT, .flags = ECOM_INDEX),
    ECOM_FIELD(struct thing, price, "price", MONEY, .flags = ECOM_INDEX),
    ECOM_FIELD(struct thing, at, "at", TIME, .flags = ECOM_INDEX),
    ECOM_FIELD(struct thing, color, "color", ENUM, .flags = ECOM_INDEX, .names = colors),
    ECOM_FIELD(struct thing, on, "on", BOOL, .flags = ECOM_INDEX),
    ECOM_FIELD(struct thing, inner, "inner", RECORD, .flags = ECOM_INDEX, .of = &inner_record),
    ECOM_FIELD(struct thing, list, "list", LIST, .flags = ECOM_INDEX, .of = &inner_record),
};
static const ecom_record record = ECOM_RECORD("Thing", struct thing, fields);

static struct thing nothing(void)
{
    struct thing thing;

    ecom_record_init(&record, &thing);
    return thing;
}

/* The value of one entry; empty when there is none. */
static ecom_str value_of(const struct ecom__entries *entries, const char *index)
{
    for (size_t i = 0; i < entries->n; i++)
        if (ecom_str_eq(entries->v[i].index, ecom_str_of(index)))
            return entries->v[i].value;
    return (ecom_str){NULL, 0};
}

static void entries_come_from_the_fields_that_say_so(void)
{
    struct ecom__entries entries = {.arena = ecom_arena_new(0)};
    struct thing thing = nothing();

    CHECK(entries.arena, "no arena");
    thing.id = S("t1");
    thing.sku = S("S-1");
    thing.plain = S("not me");
    thing.at = 0;
    thing.color = 1;
    thing.on = 0;
    thing.inner.text = S("nor me");
    CHECK_I64(ECOM_OK, ecom__entries_derive(&entries, &record, &thing));
    CHECK_U64(4, entries.n);
    CHECK_STR("S-1", value_of(&entries, "sku"));
    CHECK_STR("1970-01-01T00:00:00.000Z", value_of(&entries, "at"));
    CHECK_STR("BLUE", value_of(&entries, "color"));
    CHECK_STR("0", value_of(&entries, "on"));
    for (size_t i = 0; i < entries.n; i++)
        CHECK_I64(ecom_str_eq(entries.v[i].index, S("sku")), entries.v[i].unique);
    ecom_arena_free(entries.arena);
}

static void what_is_absent_or_empty_has_no_entry(void)
{
    struct ecom__entries entries = {.arena = ecom_arena_new(0)};
    struct thing thing = nothing();

    CHECK(entries.arena, "no arena");
    thing.sku = S("");
    CHECK_I64(ECOM_OK, ecom__entries_derive(&entries, &record, &thing));
    CHECK_U64(0, entries.n);
    ecom_arena_free(entries.arena);
}

static void values_of_numbers_sort_as_the_numbers_do(void)
{
    static const int64_t numbers[] = {INT64_MIN + 1, -256, -1, 0, 1, 9, 10, 255, INT64_MAX};
    struct ecom__entries entries = {.arena = ecom_arena_new(0)};
    ecom_str last = S("");

    CHECK(entries.arena, "no arena");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct thing thing = nothing();
        thing.count = thing.price = numbers[i];
        entries.n = 0;
        CHECK_I64(ECOM_OK, ecom__entries_derive(&entries, &record, &thing));
        CHECK_U64(2, entries.n);
        ecom_str value = value_of(&entries, "count");
        CHECK(ecom_str_cmp(last, value) < 0, "%.*s is not above %.*s", (int)value.n, value.p,
              (int)last.n, last.p);
        CHECK(ecom_str_eq(value, value_of(&entries, "price")), "prices sort otherwise");
        last = value;
    }
    ecom_arena_free(entries.arena);
}

static void entries_survive_a_failed_allocation(void)
{
    for (uint64_t n = 1;; n++) {
        struct ecom__entries entries = {.arena = ecom_arena_new(0)};
        ecom_error e = {0};
        CHECK(entries.arena, "no arena");
        check_alloc_fail_at(n);
        int r = ECOM_OK;
        for (int i = 0; r == ECOM_OK && i < 1000; i++)
            r = ecom__entries_add(&entries, "word", S("value"), 0);
        int failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK_CODE(failed ? ECOM_E_NOMEM : ECOM_OK, r, e);
        ecom_arena_free(entries.arena);
        if (!failed)
            break;
    }
}

static int count_row(void *user, const ecom_row *row)
{
    (void)row;
    ++*(int *)user;
    return 0;
}

/* How many documents an index has under a value; -1: the store could not say. */
static int rows_of(ecom_store *store, const char *index, ecom_str value)
{
    const ecom_query query = {
        .collection = S("things"), .index = ecom_str_of(index), .from = value, .to = value};
    int n = 0;

    return ecom_store_find(store, &query, count_row, &n, NULL, NULL) < 0 ? -1 : n;
}

static void a_record_is_put_and_got_with_its_entries(void)
{
    const ecom_entry tag = {S("tag"), S("new"), 0};
    ecom_change change = {.collection = S("things"), .id = S("t1"), .entries = &tag, .nentries = 1};
    ecom_arena *arena = ecom_arena_new(0);
    struct thing thing = nothing(), found;
    ecom_store *store = NULL;
    uint64_t rev = 0, read = 0;
    ecom_error e = {0};

    CHECK(arena, "no arena");
    CHECK_CODE(ECOM_OK, ecom_store_open("memory:", NULL, &store, &e), e);
    thing.id = S("t1");
    thing.sku = S("S-1");
    thing.count = 7;
    CHECK_CODE(ECOM_OK, ecom_store_put_record(store, &change, &record, &thing, arena, &rev, &e), e);
    CHECK_CODE(
        ECOM_OK,
        ecom_store_get_record(store, S("things"), S("t1"), &record, arena, &found, &read, &e), e);
    CHECK_U64(rev, read);
    CHECK_STR("S-1", found.sku);
    CHECK_I64(7, found.count);
    CHECK_I64(ECOM_ABSENT, found.price);
    CHECK_I64(1, rows_of(store, "tag", S("new")));
    CHECK_I64(1, rows_of(store, "sku", S("S-1")));
    CHECK_I64(1, rows_of(store, "count", S("8000000000000007")));
    CHECK_I64(0, rows_of(store, "price", S("")));

    change.id = S("t2");
    CHECK_CODE(ECOM_E_EXISTS,
               ecom_store_put_record(store, &change, &record, &thing, arena, NULL, &e), e);
    CHECK_STR("sku", ecom_str_of(e.field));
    char wide[ECOM_STORE_MAX_VALUE + 1];
    memset(wide, 'x', sizeof(wide));
    thing.sku = (ecom_str){wide, sizeof(wide) - 1};
    CHECK_CODE(ECOM_OK, ecom_store_put_record(store, &change, &record, &thing, arena, NULL, &e), e);
    thing.sku.n++;
    CHECK_CODE(ECOM_E_TOOLARGE,
               ecom_store_put_record(store, &change, &record, &thing, arena, NULL, &e), e);
    CHECK_STR("sku", ecom_str_of(e.field));
    thing.sku = S("");
    thing.plain = S("\xFF");
    CHECK_CODE(ECOM_E_INVAL,
               ecom_store_put_record(store, &change, &record, &thing, arena, NULL, &e), e);
    CHECK_STR("plain", ecom_str_of(e.field));
    ecom_store_close(store);
    ecom_arena_free(arena);
}

static void a_document_that_is_no_such_record_is_damage(void)
{
    const ecom_change change = {
        .collection = S("things"), .id = S("t1"), .doc = S("{\"id\":\"t1\",\"count\":\"x\"}")};
    ecom_arena *arena = ecom_arena_new(0);
    struct thing found;
    ecom_store *store = NULL;
    uint64_t rev = 77;
    ecom_error e = {0};

    CHECK(arena, "no arena");
    CHECK_CODE(ECOM_OK, ecom_store_open("memory:", NULL, &store, &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_put(store, &change, NULL, &e), e);
    CHECK_CODE(ECOM_E_CORRUPT,
               ecom_store_get_record(store, S("things"), S("t1"), &record, arena, &found, &rev, &e),
               e);
    CHECK_TEXT("things/t1: count", e);
    CHECK_CODE(ECOM_E_NOTFOUND,
               ecom_store_get_record(store, S("things"), S("t2"), &record, arena, &found, &rev, &e),
               e);
    CHECK_TEXT("there is no Thing with this id", e);
    CHECK_U64(77, rev);
    ecom_store_close(store);
    ecom_arena_free(arena);
}

static int put_and_get(ecom_store *store, ecom_arena *arena, ecom_error *e)
{
    const ecom_entry tag = {S("tag"), S("new"), 0};
    const ecom_change change = {.collection = S("things"),
                                .id = S("t1"),
                                .expect = ECOM_REV_ANY,
                                .entries = &tag,
                                .nentries = 1};
    struct thing thing = nothing(), found;

    thing.id = S("t1");
    thing.price = 5;
    int r = ecom_store_put_record(store, &change, &record, &thing, arena, NULL, e);
    return r < 0 ? r
                 : ecom_store_get_record(store, S("things"), S("t1"), &record, arena, &found, NULL,
                                         e);
}

static void a_failed_allocation_is_told_and_loses_nothing(void)
{
    for (uint64_t n = 1;; n++) {
        ecom_arena *arena = ecom_arena_new(0);
        ecom_store *store = NULL;
        ecom_error e = {0};

        CHECK(arena, "no arena");
        CHECK_CODE(ECOM_OK, ecom_store_open("memory:", NULL, &store, &e), e);
        check_alloc_fail_at(n);
        int r = put_and_get(store, arena, &e), failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK_CODE(failed ? ECOM_E_NOMEM : ECOM_OK, r, e);
        CHECK_CODE(ECOM_OK, put_and_get(store, arena, &e), e);
        CHECK_I64(1, rows_of(store, "tag", S("new")));
        ecom_store_close(store);
        ecom_arena_free(arena);
        if (!failed)
            break;
    }
}

static const struct check_case cases[] = {
    CASE(entries_come_from_the_fields_that_say_so),
    CASE(what_is_absent_or_empty_has_no_entry),
    CASE(values_of_numbers_sort_as_the_numbers_do),
    CASE(entries_survive_a_failed_allocation),
    CASE(a_record_is_put_and_got_with_its_entries),
    CASE(a_document_that_is_no_such_record_is_damage),
    CASE(a_failed_allocation_is_told_and_loses_nothing),
};

CHECK_MAIN("store-record", cases)
