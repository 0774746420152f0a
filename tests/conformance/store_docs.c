#include "store_suite.h"

#include <stdlib.h>

static void a_document_reads_back_as_it_was_written(struct store_test *t)
{
    ecom_change change = *store_change("1", 0, "", "");
    ecom_buf doc = {0};
    uint64_t rev = 0, read = 0;
    ecom_error e;

    change.doc = S(" {\"name\":\"\xC3\xA9\xF0\x9F\x98\x80\", \"n\":1.50,\"n\":2}\n");
    CHECK_CODE(ECOM_OK, ecom_store_put(t->store, &change, &rev, &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_get(t->store, S("things"), S("1"), &doc, &read, &e), e);
    int same = ecom_str_eq(change.doc, ecom_buf_str(&doc));
    ecom_buf_free(&doc);
    CHECK(same, "another document came back");
    CHECK(rev > 0 && rev < INT64_MAX, "revision %" PRIu64, rev);
    CHECK_I64(rev, read);
}

static void a_missing_document_is_notfound_and_touches_nothing(struct store_test *t)
{
    ecom_buf doc = {0};
    uint64_t rev = 77;
    ecom_error e;

    CHECK_CODE(ECOM_E_NOTFOUND, ecom_store_get(t->store, S("things"), S("1"), &doc, &rev, &e), e);
    CHECK_I64(77, rev);
    CHECK_I64(0, doc.n);
    CHECK(!doc.p, "the buffer grew");
}

static void get_appends_to_what_the_buffer_holds(struct store_test *t)
{
    ecom_buf doc = {0};
    ecom_error e;

    store_put(t->store, "1", 0, "", "");
    CHECK_PASSED();
    CHECK_I64(ECOM_OK, ecom_buf_append(&doc, S("doc: ")));
    CHECK_CODE(ECOM_OK, ecom_store_get(t->store, S("things"), S("1"), &doc, NULL, &e), e);
    int same = ecom_str_eq(S("doc: {\"a\":1}"), ecom_buf_str(&doc));
    ecom_buf_free(&doc);
    CHECK(same, "it was not appended");
}

static void a_new_document_must_not_be_there_yet(struct store_test *t)
{
    uint64_t rev = 77;
    ecom_error e;

    store_put(t->store, "1", 0, "", "");
    CHECK_PASSED();
    CHECK_CODE(ECOM_E_CONFLICT, ecom_store_put(t->store, store_change("1", 0, "", ""), &rev, &e),
               e);
    CHECK_I64(77, rev);
}

static void the_second_writer_with_an_old_revision_loses(struct store_test *t)
{
    ecom_buf doc = {0};
    ecom_change loser;
    ecom_error e;
    uint64_t first = store_put(t->store, "1", 0, "", "");
    uint64_t second = store_put(t->store, "1", first, "", "");

    CHECK_PASSED();
    loser = *store_change("1", first, "", "");
    loser.doc = S("{\"loser\":true}");
    CHECK_CODE(ECOM_E_CONFLICT, ecom_store_put(t->store, &loser, NULL, &e), e);
    CHECK_I64(second, store_rev(t->store, "1"));
    CHECK_CODE(ECOM_OK, ecom_store_get(t->store, S("things"), S("1"), &doc, NULL, &e), e);
    int same = ecom_str_eq(S("{\"a\":1}"), ecom_buf_str(&doc));
    ecom_buf_free(&doc);
    CHECK(same, "the loser was written");
}

static void an_update_of_what_is_not_there_is_a_conflict(struct store_test *t)
{
    ecom_error e;

    CHECK_CODE(ECOM_E_CONFLICT, ecom_store_put(t->store, store_change("1", 5, "", ""), NULL, &e),
               e);
    CHECK_I64(0, store_rev(t->store, "1"));
}

static void any_revision_writes_what_is_new_and_what_is_there(struct store_test *t)
{
    uint64_t first = store_put(t->store, "1", ECOM_REV_ANY, "", "");
    uint64_t second = store_put(t->store, "1", ECOM_REV_ANY, "", "");

    CHECK_PASSED();
    CHECK(second > first, "revision %" PRIu64 " after %" PRIu64, second, first);
}

static void revisions_only_grow_also_after_a_remove(struct store_test *t)
{
    uint64_t last = 0;
    ecom_error e;

    for (int i = 0; i < 5; i++) {
        uint64_t rev = store_put(t->store, "1", 0, "", "");
        CHECK(rev > last, "revision %" PRIu64 " after %" PRIu64, rev, last);
        last = store_put(t->store, "1", rev, "", "");
        CHECK(last > rev, "revision %" PRIu64 " after %" PRIu64, last, rev);
        CHECK_CODE(ECOM_OK, ecom_store_remove(t->store, S("things"), S("1"), last, &e), e);
    }
    uint64_t rev = store_put(t->store, "1", 0, "", "");
    CHECK_CODE(ECOM_E_CONFLICT, ecom_store_put(t->store, store_change("1", last, "", ""), NULL, &e),
               e);
    CHECK_I64(rev, store_rev(t->store, "1"));
}

static void remove_asks_for_the_revision_it_read(struct store_test *t)
{
    ecom_error e;
    uint64_t old = store_put(t->store, "1", 0, "", "");

    store_put(t->store, "1", old, "", "");
    CHECK_PASSED();
    CHECK_CODE(ECOM_E_CONFLICT, ecom_store_remove(t->store, S("things"), S("1"), old, &e), e);
    CHECK(store_rev(t->store, "1"), "it is gone all the same");
    CHECK_CODE(ECOM_E_INVAL, ecom_store_remove(t->store, S("things"), S("1"), 0, &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_remove(t->store, S("things"), S("1"), ECOM_REV_ANY, &e), e);
    CHECK_I64(0, store_rev(t->store, "1"));
    CHECK_CODE(ECOM_E_NOTFOUND, ecom_store_remove(t->store, S("things"), S("1"), ECOM_REV_ANY, &e),
               e);
    CHECK_CODE(ECOM_E_NOTFOUND, ecom_store_remove(t->store, S("things"), S("1"), old, &e), e);
}

static void a_removed_document_is_found_no_more(struct store_test *t)
{
    ecom_error e;

    store_put(t->store, "1", 0, "tag=a tag=b", "");
    store_put(t->store, "2", 0, "tag=a", "");
    CHECK_PASSED();
    CHECK_CODE(ECOM_OK, ecom_store_remove(t->store, S("things"), S("1"), ECOM_REV_ANY, &e), e);
    CHECK_TEXT_IS("a:2", LIST(t->store, .index = S("tag")));
    CHECK_TEXT_IS("2", ALL(t->store));
}

static void collections_are_apart(struct store_test *t)
{
    ecom_change change = *store_change("1", 0, "!mail=a tag=x", "");
    ecom_error e;

    change.collection = S("others");
    store_put(t->store, "1", 0, "!mail=a tag=x", "");
    change = *store_change("1", 0, "!mail=a tag=x", "");
    change.collection = S("others");
    CHECK_CODE(ECOM_OK, ecom_store_put(t->store, &change, NULL, &e), e);
    change = *store_change("2", 0, "tag=x", "");
    change.collection = S("thing");
    CHECK_CODE(ECOM_OK, ecom_store_put(t->store, &change, NULL, &e), e);
    CHECK_TEXT_IS("x:1", LIST(t->store, .index = S("tag")));
    CHECK_TEXT_IS("1", ALL(t->store));
    CHECK_TEXT_IS("1", LIST(t->store, .descending = 1));
    CHECK_CODE(ECOM_OK, ecom_store_remove(t->store, S("others"), S("1"), ECOM_REV_ANY, &e), e);
    CHECK(store_rev(t->store, "1"), "another collection's document went");
}

static void a_large_document_reads_back(struct store_test *t)
{
    ecom_change change = *store_change("1", 0, "tag=big", "");
    size_t n = ECOM_STORE_MAX_DOC;
    char *bytes = malloc(n);
    ecom_buf doc = {0};
    ecom_error e;

    CHECK(bytes, "no memory");
    memset(bytes, ' ', n);
    bytes[0] = '{';
    bytes[n / 2] = '\n';
    bytes[n - 1] = '}';
    change.doc = (ecom_str){bytes, n};
    int r = ecom_store_put(t->store, &change, NULL, &e);
    if (r == ECOM_OK)
        r = ecom_store_get(t->store, S("things"), S("1"), &doc, NULL, &e);
    int same = ecom_str_eq(change.doc, ecom_buf_str(&doc));
    ecom_buf_free(&doc);
    free(bytes);
    CHECK_CODE(ECOM_OK, r, e);
    CHECK(same, "another document came back");
    CHECK_TEXT_IS("big:1", LIST(t->store, .index = S("tag")));
}

static void a_document_may_grow_and_shrink(struct store_test *t)
{
    static const size_t sizes[] = {10, 100000, 50, 4096, 300000, 2};
    char *bytes = malloc(300000);
    ecom_error e;

    CHECK(bytes, "no memory");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !ecom__suite_failed; i++) {
        ecom_change change = *store_change("1", ECOM_REV_ANY, "", "");
        ecom_buf doc = {0};
        memset(bytes, ' ', sizes[i]);
        bytes[0] = '{';
        bytes[sizes[i] - 1] = '}';
        change.doc = (ecom_str){bytes, sizes[i]};
        if (ecom_store_put(t->store, &change, NULL, &e) < 0 ||
            ecom_store_get(t->store, S("things"), S("1"), &doc, NULL, &e) < 0)
            FAIL("%zu bytes: %s", sizes[i], e.text);
        if (!ecom_str_eq(change.doc, ecom_buf_str(&doc)))
            FAIL("%zu bytes came back as %zu", sizes[i], doc.n);
        ecom_buf_free(&doc);
    }
    free(bytes);
}

static void it_says_that_it_is_there(struct store_test *t)
{
    ecom_error e;

    CHECK_CODE(ECOM_OK, ecom_store_ping(t->store, &e), e);
}

static const struct store_case cases[] = {
    CASE(0, a_document_reads_back_as_it_was_written),
    CASE(0, a_missing_document_is_notfound_and_touches_nothing),
    CASE(0, get_appends_to_what_the_buffer_holds),
    CASE(0, a_new_document_must_not_be_there_yet),
    CASE(0, the_second_writer_with_an_old_revision_loses),
    CASE(0, an_update_of_what_is_not_there_is_a_conflict),
    CASE(0, any_revision_writes_what_is_new_and_what_is_there),
    CASE(0, revisions_only_grow_also_after_a_remove),
    CASE(0, remove_asks_for_the_revision_it_read),
    CASE(0, a_removed_document_is_found_no_more),
    CASE(0, collections_are_apart),
    CASE(0, a_large_document_reads_back),
    CASE(0, a_document_may_grow_and_shrink),
    CASE(0, it_says_that_it_is_there),
};

const struct store_cases ecom__store_doc_cases = {cases, sizeof(cases) / sizeof(cases[0])};
