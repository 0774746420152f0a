#include "check.h"

#include "shop/collection.h"

struct thing {
    ecom_str id, sku, plain;
};

static const ecom_field fields[] = {
    ECOM_FIELD(struct thing, id, "id", STRING, .flags = ECOM_REQUIRED),
    ECOM_FIELD(struct thing, sku, "sku", STRING, .flags = ECOM_UNIQUE),
    ECOM_FIELD(struct thing, plain, "plain", STRING),
};
static const ecom_record record = ECOM_RECORD("Thing", struct thing, fields);

static void what_does_not_fit_the_record_is_not_stored(void)
{
    ecom_arena *arena = ecom_arena_new(0);
    struct ecom__collection c = {NULL, "things", &record, NULL};
    struct thing thing = {0}, found;
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
    CASE(what_does_not_fit_the_record_is_not_stored),
};

CHECK_MAIN("collection", cases)
