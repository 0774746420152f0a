#include "store_suite.h"

static int try_put(ecom_store *store, const char *id, uint64_t expect, const char *entries,
                   ecom_error *e)
{
    return ecom_store_put(store, store_change(id, expect, entries, "event"), NULL, e);
}

static void a_unique_value_is_taken_once_and_the_clash_names_the_index(struct store_test *t)
{
    ecom_error e;

    store_put(t->store, "1", 0, "!mail=a@b", "");
    CHECK_PASSED();
    CHECK_CODE(ECOM_E_EXISTS, try_put(t->store, "2", 0, "!mail=a@b", &e), e);
    CHECK_TEXT_IS("mail", e.field);
    CHECK_CODE(ECOM_OK, try_put(t->store, "2", 0, "!mail=c@d", &e), e);
}

static void of_several_unique_entries_the_one_that_clashes_is_named(struct store_test *t)
{
    ecom_error e;

    store_put(t->store, "1", 0, "!mail=a !phone=1 !nick=x", "");
    CHECK_PASSED();
    CHECK_CODE(ECOM_E_EXISTS, try_put(t->store, "2", 0, "!mail=b !phone=1 !nick=y", &e), e);
    CHECK_TEXT_IS("phone", e.field);
    CHECK_CODE(ECOM_E_EXISTS, try_put(t->store, "2", 0, "!mail=b !phone=2 !nick=x", &e), e);
    CHECK_TEXT_IS("nick", e.field);
}

static void a_clash_writes_nothing_at_all(struct store_test *t)
{
    ecom_error e;
    uint64_t rev = store_put(t->store, "1", 0, "!mail=a", ""), other;

    other = store_put(t->store, "2", 0, "!mail=b tag=old", "");
    CHECK_PASSED();
    CHECK_CODE(ECOM_E_EXISTS, try_put(t->store, "3", 0, "tag=x !mail=a", &e), e);
    CHECK_CODE(ECOM_E_EXISTS, try_put(t->store, "2", other, "tag=new !mail=a", &e), e);
    CHECK_I64(0, store_rev(t->store, "3"));
    CHECK_I64(other, store_rev(t->store, "2"));
    CHECK_I64(rev, store_rev(t->store, "1"));
    CHECK_TEXT_IS("old:2", LIST(t->store, .index = S("tag")));
    CHECK_TEXT_IS("a:1 b:2", LIST(t->store, .index = S("mail")));
    CHECK_TEXT_IS("", store_pending(t->store, INT64_MAX, 0, NULL));
}

static void a_conflict_is_told_before_a_clash(struct store_test *t)
{
    ecom_error e;

    store_put(t->store, "1", 0, "!mail=a", "");
    uint64_t rev = store_put(t->store, "2", 0, "!mail=b", "");
    CHECK_PASSED();
    CHECK_CODE(ECOM_E_CONFLICT, try_put(t->store, "2", rev + 1000, "!mail=a", &e), e);
    CHECK_CODE(ECOM_E_CONFLICT, try_put(t->store, "2", 0, "!mail=a", &e), e);
    CHECK_CODE(ECOM_E_EXISTS, try_put(t->store, "2", rev, "!mail=a", &e), e);
}

static void ones_own_value_is_no_clash(struct store_test *t)
{
    uint64_t rev = store_put(t->store, "1", 0, "!mail=a", "");

    rev = store_put(t->store, "1", rev, "!mail=a tag=x", "");
    rev = store_put(t->store, "1", rev, "tag=x !mail=a", "");
    store_put(t->store, "1", rev, "!mail=a !mail=b", "");
    CHECK_PASSED();
    CHECK_TEXT_IS("a:1 b:1", LIST(t->store, .index = S("mail")));
}

static void a_value_is_free_again_once_it_is_changed(struct store_test *t)
{
    ecom_error e;
    uint64_t rev = store_put(t->store, "1", 0, "!mail=a", "");

    store_put(t->store, "1", rev, "!mail=b", "");
    store_put(t->store, "2", 0, "!mail=a", "");
    CHECK_PASSED();
    CHECK_CODE(ECOM_E_EXISTS, try_put(t->store, "3", 0, "!mail=b", &e), e);
}

static void a_value_is_free_again_once_its_document_is_removed(struct store_test *t)
{
    ecom_error e;

    store_put(t->store, "1", 0, "!mail=a", "event");
    CHECK_PASSED();
    CHECK_CODE(ECOM_OK, ecom_store_remove(t->store, S("things"), S("1"), ECOM_REV_ANY, &e), e);
    store_put(t->store, "2", 0, "!mail=a", "");
    CHECK_PASSED();
    CHECK_TEXT_IS("a:2", LIST(t->store, .index = S("mail")));
}

static void two_may_change_places_by_way_of_a_third_value(struct store_test *t)
{
    ecom_error e;

    store_put(t->store, "1", 0, "!seat=A", "");
    store_put(t->store, "2", 0, "!seat=B", "");
    CHECK_PASSED();
    CHECK_CODE(ECOM_E_EXISTS, try_put(t->store, "1", ECOM_REV_ANY, "!seat=B", &e), e);
    store_put(t->store, "1", ECOM_REV_ANY, "!seat=C", "");
    store_put(t->store, "2", ECOM_REV_ANY, "!seat=A", "");
    store_put(t->store, "1", ECOM_REV_ANY, "!seat=B", "");
    CHECK_PASSED();
    CHECK_TEXT_IS("A:2 B:1", LIST(t->store, .index = S("seat")));
}

static void unique_is_meant_per_index(struct store_test *t)
{
    store_put(t->store, "1", 0, "!mail=a", "");
    store_put(t->store, "2", 0, "!nick=a !mail=aa", "");
    CHECK_PASSED();
    CHECK_TEXT_IS("a:1 aa:2", LIST(t->store, .index = S("mail")));
}

static void an_entry_may_become_unique_and_cease_to_be(struct store_test *t)
{
    ecom_error e;
    uint64_t rev = store_put(t->store, "1", 0, "mail=a", "");

    rev = store_put(t->store, "1", rev, "!mail=a", "");
    CHECK_PASSED();
    CHECK_CODE(ECOM_E_EXISTS, try_put(t->store, "2", 0, "!mail=a", &e), e);
    store_put(t->store, "1", rev, "mail=a", "");
    store_put(t->store, "2", 0, "!mail=a", "");
    CHECK_PASSED();
    CHECK_TEXT_IS("a:1 a:2", LIST(t->store, .index = S("mail")));
}

static void a_value_given_twice_counts_once(struct store_test *t)
{
    ecom_error e;

    store_put(t->store, "1", 0, "mail=a !mail=a mail=a tag=x tag=x", "");
    CHECK_PASSED();
    CHECK_TEXT_IS("a:1", LIST(t->store, .index = S("mail")));
    CHECK_TEXT_IS("x:1", LIST(t->store, .index = S("tag")));
    CHECK_CODE(ECOM_E_EXISTS, try_put(t->store, "2", 0, "!mail=a", &e), e);
}

static const struct store_case cases[] = {
    CASE(0, a_unique_value_is_taken_once_and_the_clash_names_the_index),
    CASE(0, of_several_unique_entries_the_one_that_clashes_is_named),
    CASE(0, a_clash_writes_nothing_at_all),
    CASE(0, a_conflict_is_told_before_a_clash),
    CASE(0, ones_own_value_is_no_clash),
    CASE(0, a_value_is_free_again_once_it_is_changed),
    CASE(0, a_value_is_free_again_once_its_document_is_removed),
    CASE(0, two_may_change_places_by_way_of_a_third_value),
    CASE(0, unique_is_meant_per_index),
    CASE(0, an_entry_may_become_unique_and_cease_to_be),
    CASE(0, a_value_given_twice_counts_once),
};

const struct store_cases ecom__store_unique_cases = {cases, sizeof(cases) / sizeof(cases[0])};
