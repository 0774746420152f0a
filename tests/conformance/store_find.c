#include "store_suite.h"

#include <stdlib.h>

static void some_things(ecom_store *store)
{
    store_put(store, "5", 0, "tag=b", "");
    store_put(store, "1", 0, "tag=b", "");
    store_put(store, "4", 0, "tag=a", "");
    store_put(store, "2", 0, "tag=c", "");
    store_put(store, "3", 0, "tag=b", "");
}

static void values_are_found_in_order_of_value_and_id(struct store_test *t)
{
    some_things(t->store);
    CHECK_PASSED();
    CHECK_TEXT_IS("a:4 b:1 b:3 b:5 c:2", LIST(t->store, .index = S("tag")));
    CHECK_TEXT_IS("c:2 b:5 b:3 b:1 a:4", LIST(t->store, .index = S("tag"), .descending = 1));
}

static void without_an_index_it_goes_by_id(struct store_test *t)
{
    some_things(t->store);
    CHECK_PASSED();
    CHECK_TEXT_IS("1 2 3 4 5", ALL(t->store));
    CHECK_TEXT_IS("5 4 3 2 1", LIST(t->store, .descending = 1));
}

static void a_range_has_both_its_ends(struct store_test *t)
{
    some_things(t->store);
    CHECK_PASSED();
    CHECK_TEXT_IS("b:1 b:3 b:5", LIST(t->store, .index = S("tag"), .from = S("b"), .to = S("b")));
    CHECK_TEXT_IS("b:5 b:3 b:1",
                  LIST(t->store, .index = S("tag"), .from = S("b"), .to = S("b"), .descending = 1));
    CHECK_TEXT_IS("b:1 b:3 b:5 c:2", LIST(t->store, .index = S("tag"), .from = S("aa")));
    CHECK_TEXT_IS("a:4", LIST(t->store, .index = S("tag"), .to = S("az")));
    CHECK_TEXT_IS("c:2 b:5 b:3 b:1",
                  LIST(t->store, .index = S("tag"), .from = S("aa"), .descending = 1));
    CHECK_TEXT_IS("a:4", LIST(t->store, .index = S("tag"), .to = S("az"), .descending = 1));
}

static void a_range_of_ids_has_both_its_ends(struct store_test *t)
{
    some_things(t->store);
    store_put(t->store, "30", 0, "", "");
    store_put(t->store, "3!", 0, "", "");
    CHECK_PASSED();
    CHECK_TEXT_IS("2 3 3! 30 4", LIST(t->store, .from = S("2"), .to = S("4")));
    CHECK_TEXT_IS("4 30 3! 3 2", LIST(t->store, .from = S("2"), .to = S("4"), .descending = 1));
    CHECK_TEXT_IS("3", LIST(t->store, .from = S("3"), .to = S("3")));
    CHECK_TEXT_IS("3", LIST(t->store, .from = S("3"), .to = S("3"), .descending = 1));
    CHECK_TEXT_IS("3! 30", LIST(t->store, .from = S("3!"), .to = S("39")));
    CHECK_TEXT_IS("3! 30 4 5", LIST(t->store, .after_id = S("3")));
    CHECK_TEXT_IS("3! 3 2 1", LIST(t->store, .after_id = S("30"), .descending = 1));
    CHECK_TEXT_IS("4 5", LIST(t->store, .from = S("4"), .after_id = S("3")));
    CHECK_TEXT_IS("2 1", LIST(t->store, .to = S("2"), .after_id = S("4"), .descending = 1));
}

static void nothing_found_is_no_error(struct store_test *t)
{
    ecom_query elsewhere = {.collection = S("nowhere")};

    CHECK_TEXT_IS("", ALL(t->store));
    CHECK_TEXT_IS("", LIST(t->store, .index = S("tag")));
    some_things(t->store);
    CHECK_PASSED();
    CHECK_TEXT_IS("", LIST(t->store, .index = S("ta")));
    CHECK_TEXT_IS("", LIST(t->store, .index = S("tags"), .descending = 1));
    CHECK_TEXT_IS("", LIST(t->store, .index = S("tag"), .from = S("c"), .to = S("a")));
    CHECK_TEXT_IS("", LIST(t->store, .index = S("tag"), .from = S("d")));
    CHECK_TEXT_IS("", LIST(t->store, .from = S("6")));
    CHECK_TEXT_IS("", LIST(t->store, .to = S("0"), .descending = 1));
    CHECK_TEXT_IS("", store_list(t->store, elsewhere));
}

static void more_is_told_only_when_the_limit_cut(struct store_test *t)
{
    some_things(t->store);
    CHECK_PASSED();
    CHECK_TEXT_IS("1 2 3 4 5", LIST(t->store, .limit = 5));
    CHECK_TEXT_IS("1 2 3 4 +", LIST(t->store, .limit = 4));
    CHECK_TEXT_IS("a:4 +", LIST(t->store, .index = S("tag"), .limit = 1));
    CHECK_TEXT_IS("b:1 b:3 b:5",
                  LIST(t->store, .index = S("tag"), .from = S("b"), .to = S("b"), .limit = 3));
    CHECK_TEXT_IS("c:2 b:5 +", LIST(t->store, .index = S("tag"), .descending = 1, .limit = 2));
}

/* Goes through all pages; what came is in `seen`, as store_list() writes it. */
struct pages {
    ecom_query query;
    char value[16], id[16], seen[4096];
    size_t rows;
};

static int page_row(void *user, const ecom_row *row)
{
    struct pages *p = user;
    size_t n = strlen(p->seen);

    snprintf(p->value, sizeof(p->value), "%.*s", (int)row->value.n,
             row->value.n ? row->value.p : "");
    snprintf(p->id, sizeof(p->id), "%.*s", (int)row->id.n, row->id.p);
    snprintf(p->seen + n, sizeof(p->seen) - n, "%s%s%s%s", n ? " " : "", p->value,
             p->value[0] ? ":" : "", p->id);
    p->rows++;
    return 0;
}

static int next_page(ecom_store *store, struct pages *p)
{
    ecom_error e;
    int more = 0;

    p->query.after_value = ecom_str_of(p->value);
    p->query.after_id = ecom_str_of(p->id);
    /* The row callback overwrites what the cursor points to only once the query is under way. */
    char value[16], id[16];
    memcpy(value, p->value, sizeof(value));
    memcpy(id, p->id, sizeof(id));
    p->query.after_value.p = value;
    p->query.after_id.p = id;
    if (ecom_store_find(store, &p->query, page_row, p, &more, &e) < 0)
        FAIL("find: %s: %s", e.field, e.text);
    return more;
}

static void pages_have_no_gap_and_nothing_twice(struct store_test *t)
{
    static const char *const want[2][2] = {
        {"1 2 3 4 5", "5 4 3 2 1"},
        {"a:4 b:1 b:3 b:5 c:2", "c:2 b:5 b:3 b:1 a:4"},
    };

    some_things(t->store);
    CHECK_PASSED();
    for (uint32_t limit = 1; limit <= 6; limit++)
        for (int by_tag = 0; by_tag < 2; by_tag++)
            for (int down = 0; down < 2; down++) {
                struct pages p = {.query = {.collection = S("things"),
                                            .index = ecom_str_of(by_tag ? "tag" : ""),
                                            .descending = down,
                                            .limit = limit}};
                while (next_page(t->store, &p) && p.rows < 10)
                    ;
                CHECK_PASSED();
                CHECK_TEXT_IS(want[by_tag][down], p.seen);
            }
}

static void pages_under_insertion_miss_none_that_was_there(struct store_test *t)
{
    for (int down = 0; down < 2; down++) {
        struct pages p = {
            .query = {
                .collection = S("things"), .index = S("tag"), .descending = down, .limit = 2}};
        char id[16];
        int more = 1, n = 0;
        if (!down)
            some_things(t->store);
        while (more && p.rows < 100) {
            more = next_page(t->store, &p);
            snprintf(id, sizeof(id), "%d%d", n++, down); /* before, in between and behind */
            store_put(t->store, id, 0, n % 3 == 0 ? "tag=0" : n % 3 == 1 ? "tag=b" : "tag=zz", "");
            CHECK_PASSED();
        }
        static const char *const there[] = {"a:4", "b:1", "b:3", "b:5", "c:2"};
        for (size_t i = 0; i < 5; i++) {
            char *first = strstr(p.seen, there[i]);
            CHECK(first, "%s was missed: %s", there[i], p.seen);
        }
    }
}

static void a_page_goes_on_where_its_last_row_was_removed(struct store_test *t)
{
    struct pages p = {.query = {.collection = S("things"), .index = S("tag"), .limit = 3}};
    ecom_error e;

    some_things(t->store);
    CHECK_PASSED();
    CHECK_I64(1, next_page(t->store, &p));
    CHECK_CODE(ECOM_OK, ecom_store_remove(t->store, S("things"), S("3"), ECOM_REV_ANY, &e), e);
    CHECK_I64(0, next_page(t->store, &p));
    CHECK_TEXT_IS("a:4 b:1 b:3 b:5 c:2", p.seen);
}

static void a_document_with_two_values_comes_twice(struct store_test *t)
{
    store_put(t->store, "1", 0, "word=red word=shoe word=red", "");
    store_put(t->store, "2", 0, "word=red word=hat", "");
    CHECK_PASSED();
    CHECK_TEXT_IS("hat:2 red:1 red:2 shoe:1", LIST(t->store, .index = S("word")));
    CHECK_TEXT_IS("red:1 red:2",
                  LIST(t->store, .index = S("word"), .from = S("red"), .to = S("red")));
}

static void an_update_replaces_all_entries(struct store_test *t)
{
    uint64_t rev = store_put(t->store, "1", 0, "word=red word=shoe status=new", "");

    rev = store_put(t->store, "1", rev, "word=shoe word=blue status=new", "");
    CHECK_PASSED();
    CHECK_TEXT_IS("blue:1 shoe:1", LIST(t->store, .index = S("word")));
    CHECK_TEXT_IS("new:1", LIST(t->store, .index = S("status")));
    rev = store_put(t->store, "1", rev, "", "");
    CHECK_TEXT_IS("", LIST(t->store, .index = S("word")));
    CHECK_TEXT_IS("", LIST(t->store, .index = S("status")));
    store_put(t->store, "1", rev, "word=shoe", "");
    CHECK_TEXT_IS("shoe:1", LIST(t->store, .index = S("word")));
}

static void indexes_of_a_document_are_apart(struct store_test *t)
{
    store_put(t->store, "1", 0, "a=x b=y", "");
    store_put(t->store, "2", 0, "b=x a=y ab=z", "");
    CHECK_PASSED();
    CHECK_TEXT_IS("x:1 y:2", LIST(t->store, .index = S("a")));
    CHECK_TEXT_IS("y:2 x:1", LIST(t->store, .index = S("a"), .descending = 1));
    CHECK_TEXT_IS("x:2 y:1", LIST(t->store, .index = S("b")));
    CHECK_TEXT_IS("y:1 x:2", LIST(t->store, .index = S("b"), .descending = 1));
}

struct bytes_seen {
    int n, wrong;
};

static int byte_row(void *user, const ecom_row *row)
{
    struct bytes_seen *seen = user;

    seen->wrong += row->value.n != 1 || (unsigned char)row->value.p[0] != seen->n;
    seen->n++;
    return 0;
}

static void values_may_have_every_byte_and_sort_by_it(struct store_test *t)
{
    ecom_query query = {.collection = S("things"), .index = S("byte"), .limit = 1000};
    char bytes[256];
    ecom_entry entries[256];
    struct bytes_seen seen = {0, 0};
    ecom_change change;
    ecom_error e;

    for (int i = 0; i < 256; i++) {
        bytes[i] = (char)i;
        entries[255 - i] = (ecom_entry){S("byte"), {&bytes[i], 1}, 0};
    }
    change = *store_change("1", 0, "", "");
    change.entries = entries;
    change.nentries = 256;
    CHECK_CODE(ECOM_OK, ecom_store_put(t->store, &change, NULL, &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_find(t->store, &query, byte_row, &seen, NULL, &e), e);
    CHECK_I64(256, seen.n);
    CHECK_I64(0, seen.wrong);
    query.from = query.to = (ecom_str){"\0", 1};
    seen = (struct bytes_seen){0, 0};
    CHECK_CODE(ECOM_OK, ecom_store_find(t->store, &query, byte_row, &seen, NULL, &e), e);
    CHECK_I64(1, seen.n);
    query.from = query.to = (ecom_str){"\xFF", 1};
    seen = (struct bytes_seen){255, 0};
    CHECK_CODE(ECOM_OK, ecom_store_find(t->store, &query, byte_row, &seen, NULL, &e), e);
    CHECK_I64(256, seen.n);
    CHECK_I64(0, seen.wrong);
}

static void a_prefix_sorts_before_what_it_begins(struct store_test *t)
{
    store_put(t->store, "4", 0, "v=a", "");
    store_put(t->store, "3", 0, "v=ab", "");
    store_put(t->store, "2", 0, "v=a/", "");
    store_put(t->store, "1", 0, "v=B", "");
    CHECK_PASSED();
    CHECK_TEXT_IS("B:1 a:4 a/:2 ab:3", LIST(t->store, .index = S("v")));
}

static int stop_at_two(void *user, const ecom_row *row)
{
    (void)row;
    return ++*(int *)user == 2;
}

static void a_callback_that_stops_gets_no_more_rows(struct store_test *t)
{
    ecom_query by_id = {.collection = S("things")}, by_tag = {S("things"), S("tag")};
    ecom_error e;
    int n = 0, more = 1;

    some_things(t->store);
    CHECK_PASSED();
    CHECK_CODE(ECOM_OK, ecom_store_find(t->store, &by_id, stop_at_two, &n, &more, &e), e);
    CHECK_I64(2, n);
    CHECK_I64(0, more); /* it was not the limit that cut */
    n = 0, more = 1;
    CHECK_CODE(ECOM_OK, ecom_store_find(t->store, &by_tag, stop_at_two, &n, &more, &e), e);
    CHECK_I64(2, n);
    CHECK_I64(0, more);
    CHECK_TEXT_IS("1 2 3 4 5", ALL(t->store));
}

struct content {
    uint64_t rev;
    int same;
};

static int content_row(void *user, const ecom_row *row)
{
    struct content *c = user;

    c->rev = row->rev;
    c->same = ecom_str_eq(row->doc, S("{\"a\":1}"));
    return 0;
}

static void rows_have_document_and_revision(struct store_test *t)
{
    ecom_query by_id = {.collection = S("things")}, by_tag = {S("things"), S("tag")};
    struct content c = {0, 0};
    ecom_error e;
    uint64_t rev = store_put(t->store, "1", 0, "tag=a", "");

    rev = store_put(t->store, "1", rev, "tag=a", "");
    CHECK_PASSED();
    CHECK_CODE(ECOM_OK, ecom_store_find(t->store, &by_id, content_row, &c, NULL, &e), e);
    CHECK(c.rev == rev && c.same, "another content, by id");
    c = (struct content){0, 0};
    CHECK_CODE(ECOM_OK, ecom_store_find(t->store, &by_tag, content_row, &c, NULL, &e), e);
    CHECK(c.rev == rev && c.same, "another content, by index");
}

static int count_row(void *user, const ecom_row *row)
{
    (void)row;
    ++*(int *)user;
    return 0;
}

static void the_default_page_has_100_and_the_largest_1000_rows(struct store_test *t)
{
    ecom_query query = {.collection = S("things")};
    char id[16];
    int n = 0, more = 0;
    ecom_error e;

    for (int i = 0; i < 1001 && !ecom__suite_failed; i++) {
        snprintf(id, sizeof(id), "%04d", i);
        store_put(t->store, id, 0, "tag=x", "");
    }
    CHECK_PASSED();
    CHECK_CODE(ECOM_OK, ecom_store_find(t->store, &query, count_row, &n, &more, &e), e);
    CHECK_I64(100, n);
    CHECK_I64(1, more);
    query.limit = 1000;
    query.index = S("tag");
    n = 0;
    CHECK_CODE(ECOM_OK, ecom_store_find(t->store, &query, count_row, &n, &more, &e), e);
    CHECK_I64(1000, n);
    CHECK_I64(1, more);
    query.limit = 1001;
    CHECK_CODE(ECOM_E_TOOLARGE, ecom_store_find(t->store, &query, count_row, &n, &more, &e), e);
    CHECK_I64(1000, n);
}

static const struct store_case cases[] = {
    CASE(0, values_are_found_in_order_of_value_and_id),
    CASE(0, without_an_index_it_goes_by_id),
    CASE(0, a_range_has_both_its_ends),
    CASE(0, a_range_of_ids_has_both_its_ends),
    CASE(0, nothing_found_is_no_error),
    CASE(0, more_is_told_only_when_the_limit_cut),
    CASE(0, pages_have_no_gap_and_nothing_twice),
    CASE(0, pages_under_insertion_miss_none_that_was_there),
    CASE(0, a_page_goes_on_where_its_last_row_was_removed),
    CASE(0, a_document_with_two_values_comes_twice),
    CASE(0, an_update_replaces_all_entries),
    CASE(0, indexes_of_a_document_are_apart),
    CASE(0, values_may_have_every_byte_and_sort_by_it),
    CASE(0, a_prefix_sorts_before_what_it_begins),
    CASE(0, a_callback_that_stops_gets_no_more_rows),
    CASE(0, rows_have_document_and_revision),
    CASE(0, the_default_page_has_100_and_the_largest_1000_rows),
};

const struct store_cases ecom__store_find_cases = {cases, sizeof(cases) / sizeof(cases[0])};
