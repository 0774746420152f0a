#include "check.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/scheme.h"
#include "ecom/backend.h"

static ecom_store *open_memory(void)
{
    ecom_store *store = NULL;
    ecom_error e;

    if (ecom_store_open("memory:", NULL, &store, &e) < 0)
        printf("# memory: %s\n", e.text);
    return store;
}

static void what_is_no_url_is_refused_and_never_repeated(void)
{
    static const char *const bad[] = {NULL,   "",        ":",       "memory",     "/tmp/x",
                                      "ME:x", "a b:pwd", "a_b:pwd", "://user:pwd"};
    char long_name[40] = "", *long_url = malloc(5000);
    ecom_store *store = NULL;
    ecom_error e;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_CODE(ECOM_E_INVAL, ecom_store_open(bad[i], NULL, &store, &e), e);
        CHECK(!strstr(e.text, "pwd"), "repeats the URL: %s", e.text);
    }
    memset(long_name, 'a', 33);
    long_name[33] = ':';
    CHECK_CODE(ECOM_E_INVAL, ecom_store_open(long_name, NULL, &store, &e), e);
    CHECK(long_url, "no memory");
    memset(long_url, 'x', 4999);
    memcpy(long_url, "nats:", 5);
    long_url[4097] = '\0';
    CHECK_CODE(ECOM_E_TOOLARGE, ecom_store_open(long_url, NULL, &store, &e), e);
    free(long_url);
    CHECK(!store, "a handle came out");
}

static void an_unknown_scheme_says_what_to_install(void)
{
    ecom_store *store = NULL;
    ecom_error e;

    CHECK_CODE(ECOM_E_NOTSUP, ecom_store_open("nosuch+srv://u:pwd@h", NULL, &store, &e), e);
    CHECK_TEXT("install libecom-nosuch", e);
    CHECK(!strstr(e.text, "pwd"), "repeats the URL: %s", e.text);
}

static int open_other(const char *url, const ecom_store_options *opts, ecom_store **out,
                      ecom_error *err)
{
    (void)url;
    return ecom_store_open("memory:", opts, out, err);
}

static void a_registered_scheme_opens_and_the_64th_is_the_last(void)
{
    static char names[64][8];
    ecom_scheme scheme = {sizeof(scheme), "other", open_other, NULL};
    const ecom_scheme *found = NULL;
    ecom_store *store = NULL;
    ecom_error e;

    CHECK_CODE(ECOM_OK, ecom_scheme_register(&scheme, &e), e);
    CHECK_CODE(ECOM_E_EXISTS, ecom_scheme_register(&scheme, &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_open("other://x", NULL, &store, &e), e);
    ecom_store_close(store);
    CHECK_CODE(ECOM_OK, ecom_store_open("other+tls://x", NULL, &store, &e), e);
    ecom_store_close(store);

    for (int i = 1; i < 64; i++) {
        snprintf(names[i], sizeof(names[i]), "x%d", i);
        scheme = (ecom_scheme){sizeof(scheme), names[i], NULL, NULL};
        CHECK_CODE(ECOM_OK, ecom_scheme_register(&scheme, &e), e);
    }
    scheme.name = "onemore";
    CHECK_CODE(ECOM_E_TOOLARGE, ecom_scheme_register(&scheme, &e), e);
    CHECK_CODE(ECOM_OK, ecom__scheme_find("x63:", &found, &e), e);
    CHECK_STR("x63", ecom_str_of(found->name));
    CHECK_CODE(ECOM_E_NOTSUP, ecom_store_open("x63:", NULL, &store, &e), e);
}

static void a_scheme_that_is_wrong_or_built_in_is_refused(void)
{
    ecom_scheme scheme = {sizeof(scheme), "sqlite", open_other, NULL};
    ecom_error e;

    CHECK_CODE(ECOM_E_EXISTS, ecom_scheme_register(&scheme, &e), e);
    scheme.name = "Upper";
    CHECK_CODE(ECOM_E_INVAL, ecom_scheme_register(&scheme, &e), e);
    scheme.name = "a123456789b123456789c123456789d12"; /* 33 */
    CHECK_CODE(ECOM_E_INVAL, ecom_scheme_register(&scheme, &e), e);
    scheme.name = NULL;
    CHECK_CODE(ECOM_E_INVAL, ecom_scheme_register(&scheme, &e), e);
    scheme.name = "small";
    scheme.size = 4;
    CHECK_CODE(ECOM_E_INVAL, ecom_scheme_register(&scheme, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_scheme_register(NULL, &e), e);
}

static void a_put_reads_back_and_a_stale_one_loses(void)
{
    ecom_store *store = open_memory();
    ecom_change change = {.collection = S("orders"), .id = S("1"), .doc = S("{\"a\":1}")};
    uint64_t rev = 0, read = 0;
    ecom_buf doc = {0};
    ecom_error e;

    CHECK(store, "no store");
    CHECK_CODE(ECOM_OK, ecom_store_put(store, &change, &rev, &e), e);
    CHECK_CODE(ECOM_E_CONFLICT, ecom_store_put(store, &change, &rev, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_store_put(NULL, &change, &rev, &e), e);
    CHECK_TEXT("no store", e);
    CHECK_CODE(ECOM_OK, ecom_store_get(store, S("orders"), S("1"), &doc, &read, &e), e);
    CHECK_STR("{\"a\":1}", ecom_buf_str(&doc));
    CHECK_U64(rev, read);
    ecom_buf_free(&doc);
    ecom_store_close(store);
}

/* A database in which somebody else has written. */
struct foreign {
    ecom_store *inner;
    size_t id_n;
};

static int find_foreign(void *self, const ecom_query *query, ecom_row_fn row, void *user, int *more,
                        ecom_error *err)
{
    static char id[ECOM_STORE_MAX_ID + 1];
    const ecom_row one = {
        .id = {id, ((struct foreign *)self)->id_n}, .doc = S("{\"a\":1}"), .rev = 1};

    (void)query, (void)err;
    memset(id, 'x', sizeof(id));
    *more = row(user, &one);
    return ECOM_OK;
}

static int take_id(void *user, const ecom_row *row)
{
    char *id = user;

    memcpy(id, row->id.p, row->id.n);
    return 0;
}

static void a_row_never_has_a_longer_id_than_can_be_put(void)
{
    struct foreign foreign = {.inner = open_memory()};
    ecom_store_ops ops = {.size = sizeof(ops), .name = "foreign", .find = find_foreign};
    const ecom_query query = {.collection = S("orders")};
    char id[ECOM_STORE_MAX_ID];
    ecom_store *store = NULL;
    ecom_error e;

    ecom_store_forward(&ops);
    CHECK_CODE(ECOM_OK, ecom_store_new(&ops, &foreign, NULL, &store, &e), e);
    foreign.id_n = ECOM_STORE_MAX_ID;
    CHECK_CODE(ECOM_OK, ecom_store_find(store, &query, take_id, id, NULL, &e), e);
    foreign.id_n = ECOM_STORE_MAX_ID + 1;
    CHECK_CODE(ECOM_E_CORRUPT, ecom_store_find(store, &query, take_id, id, NULL, &e), e);
    foreign.id_n = 0;
    CHECK_CODE(ECOM_E_CORRUPT, ecom_store_find(store, &query, take_id, id, NULL, &e), e);
    ecom_store_close(store);
}

/* A backend over another, whose disk is full at times. */
struct disk {
    ecom_store *inner;
    int full;
};

static int put_later(void *self, const ecom_store_write *write, ecom_put_fn fn, void *user,
                     ecom_error *err)
{
    struct disk *disk = self;
    ecom_error full = {.code = ECOM_E_FULL};

    if (!disk->full)
        return ecom_store_put_later(disk->inner, write->change, fn, user, err);
    fn(user, ECOM_E_FULL, 0, &full);
    return ECOM_OK;
}

static void note(void *user, int r, uint64_t rev, ecom_error *err)
{
    (void)rev, (void)err;
    *(int *)user = r;
}

static void a_full_disk_that_is_told_of_later_shows_in_a_ping(void)
{
    const ecom_change change = {
        .collection = S("orders"), .id = S("1"), .doc = S("{}"), .expect = ECOM_REV_ANY};
    ecom_store_ops ops = {
        .size = sizeof(ops), .caps = ECOM_CAP_CONCURRENT, .name = "disk", .put_later = put_later};
    struct disk disk = {.inner = open_memory(), .full = 1};
    struct check_world world;
    ecom_store_options opts = {.size = sizeof(opts), .env = &world.env};
    ecom_store *store;
    ecom_error e = {0};
    int told = 1;

    check_world_init(&world, 1);
    ecom_store_forward(&ops);
    CHECK(disk.inner, "no store");
    CHECK_CODE(ECOM_OK, ecom_store_new(&ops, &disk, &opts, &store, &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_put_later(store, &change, note, &told, &e), e);
    CHECK_I64(ECOM_E_FULL, told);
    CHECK_CODE(ECOM_E_FULL, ecom_store_ping(store, &e), e);
    disk.full = 0;
    CHECK_CODE(ECOM_OK, ecom_store_put_later(store, &change, note, &told, &e), e);
    CHECK_I64(ECOM_OK, told);
    CHECK_CODE(ECOM_OK, ecom_store_ping(store, &e), e);
    ecom_store_close(store);
}

static const struct check_case cases[] = {
    CASE(what_is_no_url_is_refused_and_never_repeated),
    CASE(an_unknown_scheme_says_what_to_install),
    CASE(a_registered_scheme_opens_and_the_64th_is_the_last),
    CASE(a_scheme_that_is_wrong_or_built_in_is_refused),
    CASE(a_put_reads_back_and_a_stale_one_loses),
    CASE(a_row_never_has_a_longer_id_than_can_be_put),
    CASE(a_full_disk_that_is_told_of_later_shows_in_a_ping),
};

CHECK_MAIN("store", cases)
