/* What the store cases share: handles that are closed after the case, whatever it did, and changes
 * and answers written as one short line of text. */
#ifndef ECOM_STORE_SUITE_H
#define ECOM_STORE_SUITE_H

#include "suite.h"

/* The linker of whoever links this library sees every name in it. */
#define store_open ecom__suite_store_open
#define store_shut ecom__suite_store_shut
#define store_change ecom__suite_store_change
#define store_put ecom__suite_store_put
#define store_rev ecom__suite_store_rev
#define store_list ecom__suite_store_list
#define store_pending ecom__suite_store_pending
#define store_published ecom__suite_store_published

enum { STORE_HANDLES = 8, LIST_BYTES = 65536, WAITING_MAX = 1000 };

struct store_test {
    const ecom_store_fixture *fixture;
    struct ecom__suite_clock clock;
    ecom_store_options opts;
    ecom_store *store; /* open when the case begins */
    ecom_store *stores[STORE_HANDLES];
};

struct store_case {
    const char *name; /* a sentence with _ for spaces */
    uint32_t needs;   /* ECOM_TEST_* */
    void (*run)(struct store_test *t);
};

struct store_cases {
    const struct store_case *cases;
    size_t n;
};
extern const struct store_cases ecom__store_doc_cases, ecom__store_limit_cases,
    ecom__store_find_cases, ecom__store_unique_cases, ecom__store_outbox_cases,
    ecom__store_race_cases, ecom__store_crash_cases;

#define CHECK_TEXT_IS(want, got)                                                              \
    do {                                                                                      \
        const char *want_ = (want), *got_ = (got);                                            \
        CHECK(strcmp(want_, got_) == 0, "%s:\n#   want \"%s\"\n#   got  \"%s\"", #got, want_, \
              got_);                                                                          \
    } while (0)

/* NULL, and the case is marked as failed, when it cannot be opened. */
ecom_store *store_open(struct store_test *t);
void store_shut(struct store_test *t, ecom_store *store);

/* A change of the collection "things", made of words: `entries` as "status=new !mail=a@b" (! means
 * unique), `events` as "e1 e2". Valid until the next one of the thread. */
const ecom_change *store_change(const char *id, uint64_t expect, const char *entries,
                                const char *events);
/* Writes one; returns its revision, or marks the case as failed and returns 0. */
uint64_t store_put(ecom_store *store, const char *id, uint64_t expect, const char *entries,
                   const char *events);
/* The revision of a thing; 0: it is not there. */
uint64_t store_rev(ecom_store *store, const char *id);

/* What find answers in "things", as "value:id value:id" or "id id", with " +" behind it when there
 * is more. Static. LIST(store, .index = ..., ...), or ALL(store) by id. */
const char *store_list(ecom_store *store, ecom_query query);
#define ALL(store_) store_list(store_, (ecom_query){.collection = S("things")})
#define LIST(store_, ...) store_list(store_, (ecom_query){.collection = S("things"), __VA_ARGS__})

/* What waits. */
struct waiting {
    size_t n;
    struct {
        char event[64], doc[64], token[64];
        size_t token_bytes;
        int64_t since_ms;
    } rows[WAITING_MAX];
};
/* The ids of the events that wait, "e1 e2". @param waiting  nullable. Static. */
const char *store_pending(ecom_store *store, int64_t before_ms, uint32_t limit,
                          struct waiting *waiting);
/* Tells the store that rows from <= i < to are published. */
void store_published(ecom_store *store, const struct waiting *waiting, size_t from, size_t to);

#endif
