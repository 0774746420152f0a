/* What the MongoDB store says of URLs, and of a server that is not there. No server is needed. */
#include "check.h"

#include "ecom/mongodb.h"

enum { TIMEOUT_MS = 300 };

static int open_at(const char *url, ecom_store **store, ecom_error *e)
{
    ecom_store_options opts = ECOM_STORE_OPTIONS_INIT;

    opts.timeout_ms = TIMEOUT_MS;
    return ecom_mongodb_open_store(url, &opts, store, e);
}

static void a_url_that_cannot_be_used_is_refused_without_its_password(void)
{
    static const struct {
        const char *url, *text;
    } cases[] = {
        {"mongodb://", "is not a MongoDB URL"},
        {"mongodb://u:se/cret@h/d", "is not a MongoDB URL"},
        {"mongodb://u:secret@[::1/d", "is not a MongoDB URL"},
        {"mongodb://u:secret@h:0/d", "is not a MongoDB URL"},
        {"mongodb://u:secret@h:65536/d", "is not a MongoDB URL"},
        {"mongodb://u:secret@h/d?socketTimeoutMS=soon", "is not a MongoDB URL"},
        {"mongodb://u:secret@h/d?w=0", "has w=0"},
        {"mongodb://u:secret@h/d?readPreference=secondary", "has a readPreference"},
        {"mongodb+srv://u:secret@h/d", "two dots"},
        {"mongodb+srv://u:secret@a.b.c:27017/d", "no port"},
        {"mongodb+srv://u:secret@a.b.c,d.e.f/d", "one host"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ecom_store *store = NULL;
        ecom_error e = {0};
        int r = open_at(cases[i].url, &store, &e);
        ecom_store_close(store);
        CHECK(r == ECOM_E_INVAL && strstr(e.text, cases[i].text), "%s: %s: %s", cases[i].url,
              check_code(r), e.text);
        CHECK(!strstr(e.text, "cret"), "%s", e.text);
    }
}

static void what_drivers_know_is_accepted(void)
{
    static const char *const urls[] = {
        "mongodb://h",
        "mongodb://h/",
        "mongodb://u:p%40ss@h1:27018,h2/shop?replicaSet=r&authSource=admin&tls=true",
        "mongodb://[::1]:27017/shop?w=1&readConcernLevel=local&maxPoolSize=5",
        "mongodb://h/d?retryWrites=false&socketTimeoutMS=100&compressors=zlib",
    };

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        ecom_store *store = NULL;
        ecom_error e = {0};
        int r = open_at(urls[i], &store, &e);
        ecom_store_close(store);
        CHECK(r == ECOM_OK, "%s: %s", urls[i], e.text);
    }
}

static void a_cluster_whose_name_nobody_knows_is_away(void)
{
    ecom_store *store = NULL;
    ecom_error e = {0};

    CHECK_CODE(ECOM_E_UNAVAILABLE, open_at("mongodb+srv://u:secret@a.b.invalid/d", &store, &e), e);
    CHECK_TEXT("a.b.invalid", e);
    CHECK(!store && !strstr(e.text, "secret"), "%s", e.text);
}

static void a_server_that_is_away_is_each_calls_answer(void)
{
    const ecom_change change = {.collection = S("c"), .id = S("1"), .doc = S("{}")};
    ecom_store *store = NULL;
    ecom_error e = {0};
    ecom_buf doc = {0};
    uint64_t rev = 7;

    CHECK_CODE(ECOM_OK, open_at("mongodb://u:secret@127.0.0.1:1/d", &store, &e), e);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_store_ping(store, &e), e);
    CHECK_TEXT("MongoDB cannot be reached: [", e);
    CHECK_TEXT("127.0.0.1:1", e);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_store_put(store, &change, &rev, &e), e);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_store_get(store, S("c"), S("1"), &doc, &rev, &e), e);
    CHECK_U64(7, rev);
    ecom_store_close(store);
}

static const struct check_case cases[] = {
    CASE(a_url_that_cannot_be_used_is_refused_without_its_password),
    CASE(what_drivers_know_is_accepted),
    CASE(a_cluster_whose_name_nobody_knows_is_away),
    CASE(a_server_that_is_away_is_each_calls_answer),
};
CHECK_MAIN("mongodb", cases)
