#include "check.h"

#include "shop/collection.h"

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

static void what_does_not_fit_the_record_is_not_stored(void)
{
    ecom_arena *arena = ecom_arena_new(0);
    struct ecom__collection c = {NULL, "things", &record, NULL};
    struct thing thing = nothing(), found;
    uint64_t rev = 0;
    ecom_error e = {0};

    CHECK(arena, "no arena");
    CHECK_CODE(ECOM_OK, ecom_store_open("memory:", NULL, &c.store, &e), e);
    thing.id = S("t1");
    thing.plain = S("\xFF");
    CHECK_CODE(ECOM_E_INVAL, ecom__save(&c, &thing, 0, NULL, arena, NULL, &e), e);
    CHECK_STR("plain", ecom_str_of(e.field));
    thing.plain = S("fits");
    thing.sku = S("S-1");
    CHECK_CODE(ECOM_OK, ecom__save(&c, &thing, 0, NULL, arena, &rev, &e), e);
    CHECK_CODE(ECOM_E_CONFLICT, ecom__save(&c, &thing, 0, NULL, arena, NULL, &e), e);
    CHECK_CODE(ECOM_OK, ecom__load_by(&c, "sku", S("S-1"), arena, &found, &rev, &e), e);
    CHECK_STR("fits", found.plain);
    CHECK_CODE(ECOM_E_NOTFOUND, ecom__load_by(&c, "sku", S("S-2"), arena, &found, &rev, &e), e);
    CHECK_CODE(ECOM_OK, ecom__save(&c, &found, rev, NULL, arena, &rev, &e), e);
    CHECK_CODE(ECOM_E_NOTFOUND, ecom__load(&c, S(""), arena, &found, NULL, &e), e);
    CHECK_CODE(ECOM_E_NOTFOUND, ecom__load(&c, S("t 1"), arena, &found, NULL, &e), e);
    CHECK_TEXT("Thing", e);
    ecom_store_close(c.store);
    ecom_arena_free(arena);
}

static const struct check_case cases[] = {
    CASE(entries_come_from_the_fields_that_say_so),   CASE(what_is_absent_or_empty_has_no_entry),
    CASE(values_of_numbers_sort_as_the_numbers_do),   CASE(entries_survive_a_failed_allocation),
    CASE(what_does_not_fit_the_record_is_not_stored),
};

CHECK_MAIN("collection", cases)
