/* What the bus cases share: handles that are closed after the case, whatever it did, and an inbox
 * that remembers what came. */
#ifndef ECOM_BUS_SUITE_H
#define ECOM_BUS_SUITE_H

#include "suite.h"

/* Authors of backends link this library, and may have the same idea. */
#define bus_open ecom__suite_bus_open
#define bus_shut ecom__suite_bus_shut
#define bus_join ecom__suite_bus_join
#define bus_join_as ecom__suite_bus_join_as
#define bus_quit ecom__suite_bus_quit
#define bus_quit_all ecom__suite_bus_quit_all
#define bus_send ecom__suite_bus_send
#define bus_send_many ecom__suite_bus_send_many
#define bus_collect ecom__suite_bus_collect
#define bus_take ecom__suite_bus_take
#define bus_drain ecom__suite_bus_drain
#define bus_drain_all ecom__suite_bus_drain_all
#define bus_settle ecom__suite_bus_settle
#define bus_ack ecom__suite_bus_ack
#define bus_ack_all ecom__suite_bus_ack_all
#define bus_check_all_once ecom__suite_bus_check_all_once
#define bus_check_order ecom__suite_bus_check_order

/* Only what fails takes all of the patience. */
enum { INBOX_MAX = 4096, PATIENCE_MS = 60000, MAX_HANDLES = 16 };

struct bus_test {
    const ecom_bus_fixture *fixture;
    struct ecom__suite_clock clock;
    ecom_bus_options opts;
    ecom_bus *bus; /* open when the case begins */
    ecom_bus *buses[MAX_HANDLES];
    ecom_member *members[MAX_HANDLES];
};

struct bus_case {
    const char *name; /* a sentence with _ for spaces */
    uint32_t needs;   /* ECOM_TEST_* */
    void (*run)(struct bus_test *t);
};

struct bus_cases {
    const struct bus_case *cases;
    size_t n;
};
extern const struct bus_cases ecom__bus_publish_cases, ecom__bus_limit_cases, ecom__bus_group_cases,
    ecom__bus_ack_cases, ecom__bus_fault_cases, ecom__bus_crash_cases, ecom__bus_random_cases;

/* One message as it came. Our bodies are numbers. */
struct got {
    char topic[32], key[32];
    int32_t partition;
    int64_t offset, number;
};
struct inbox {
    size_t n;
    struct got got[INBOX_MAX];
};

/* These mark the case as failed themselves; NULL then. */
ecom_bus *bus_open(struct bus_test *t);
void bus_shut(struct bus_test *t, ecom_bus *bus);
ecom_member *bus_join(struct bus_test *t, ecom_bus *bus, const char *group, const char *topic);
ecom_member *bus_join_as(struct bus_test *t, ecom_bus *bus, const ecom_subscription *sub);
void bus_quit(struct bus_test *t, ecom_member *member);
void bus_quit_all(struct bus_test *t);

/* Publishes number as the body. */
void bus_send(struct bus_test *t, ecom_bus *bus, const char *topic, const char *key,
              int64_t number);
/* Publishes from <= number < to, by turns to so many keys. */
void bus_send_many(struct bus_test *t, ecom_bus *bus, const char *topic, int keys, int64_t from,
                   int64_t to);
int bus_collect(void *inbox, const ecom_msg *msg);
/* Polls until the inbox holds so many, or patience ends, which fails. */
void bus_take(ecom_member *member, struct inbox *inbox, size_t want);
/* Takes what is there now. */
void bus_drain(struct bus_test *t, ecom_member *member, struct inbox *inbox);
/* The same of several members by turns, until they have so many together; and then what is too
 * much.
 */
void bus_drain_all(struct bus_test *t, ecom_member *const *members, struct inbox *const *inboxes,
                   size_t n, size_t want);
#define BUS_DRAIN_BOTH(t_, a_, in_a_, b_, in_b_, want_)                                         \
    bus_drain_all(t_, (ecom_member *const[]){a_, b_}, (struct inbox *const[]){in_a_, in_b_}, 2, \
                  want_)
/* Lets all members poll until their group has shared out its partitions; takes no messages. */
void bus_settle(struct bus_test *t);
void bus_ack(ecom_member *member, const struct got *got);
void bus_ack_all(ecom_member *member, const struct inbox *inbox);

/* Every number from <= n < to is in one of the inboxes, exactly once. */
void bus_check_all_once(const struct inbox *a, const struct inbox *b, int64_t from, int64_t to);
/* Numbers of a key, and offsets of a partition, ascend. */
void bus_check_order(const struct inbox *inbox);

#endif
