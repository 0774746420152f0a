/* Stores and buses on which calls go wrong: backends over another handle, for tests. Before each
 * call a plan decides what happens to it. After a crash nothing of the process has any effect any
 * more: what it still does is what volatile memory did when the power went. */
#ifndef FAULT_H
#define FAULT_H

#include "ecom/backend.h"

enum fault {
    FAULT_NONE,
    FAULT_FAIL,         /* it does not happen, and says so */
    FAULT_LOST_ANSWER,  /* it happens, of a batch a part, and says ECOM_E_TIMEOUT */
    FAULT_TWICE,        /* it happens twice: a message, an ack, a published() */
    FAULT_LATE,         /* it takes long */
    FAULT_CRASH_BEFORE, /* the process dies before it happens... */
    FAULT_CRASH_AFTER   /* ...or when it has; of a batch, perhaps a part */
};

struct fault_plan {
    void *user;
    /* What happens to the next call; NULL: nothing goes wrong. @p op is the name of the method:
     * "put", "publish"... May let others run meanwhile. */
    enum fault (*decide)(void *user, const char *op);
    int (*code)(void *user);              /* of FAULT_FAIL; NULL: ECOM_E_UNAVAILABLE */
    size_t (*part)(void *user, size_t n); /* 0 to n; NULL: half */
    void (*late)(void *user);             /* lets time pass; NULL: none does */
    /* Gets the member of a process that died: to the group it is alive until its session ends.
     * NULL: it leaves. */
    void (*widow)(void *user, ecom_member *member);
    int dead;
};

/* Around a call of one's own, of a payment provider say: the same faults. @return below 0: it does
 * not happen. */
int fault_begin(struct fault_plan *plan, const char *op, enum fault *fault, ecom_error *err);
/* @param r  what the call gave. @return what the caller gets. */
int fault_end(struct fault_plan *plan, enum fault fault, int r, ecom_error *err);
size_t fault_part(const struct fault_plan *plan, size_t n);

/* The tables, and what goes with them as `self`; copy a table to replace a method. Inner handles
 * and plans stay the caller's, and outlive the outer ones. NULL when out of memory. */
extern const ecom_store_ops fault_store_ops;
void *fault_store_self(ecom_store *inner, struct fault_plan *plan);
extern const ecom_bus_ops fault_bus_ops;
void *fault_bus_self(ecom_bus *inner, struct fault_plan *plan);
/* The plan of a `self`, or of a member. */
struct fault_plan *fault_plan_of(void *self);

#endif
