/* A small world for the shop's tests: a store in memory that fails when told to, a clock, an arena.
 * Everything goes through `store`; `inner` is what has really happened. */
#ifndef SHOP_WORLD_H
#define SHOP_WORLD_H

#include "check.h"
#include "ecom/ecom.h"

/* How the n-th call to the store fails. */
enum shop_fault {
    SHOP_FAULT_BEFORE, /* UNAVAILABLE: it did not happen */
    SHOP_FAULT_AFTER   /* TIMEOUT: it did, but nobody knows */
};

struct shop_world {
    ecom_store *inner, *store; /* inner first: see ecom_store_forward() */
    struct check_world clock;
    ecom_arena *arena;
    unsigned fail_at; /* 1: the next call; 0: none */
    enum shop_fault fault;
    int failed; /* it was reached */
    /* Called once, before the next put reaches the store: someone else comes first. */
    void (*before_put)(void *user);
    void (*before_find)(void *user); /* the same before the next find */
    void *user;
    _Atomic unsigned puts;
};

void shop_world_open(struct shop_world *world);
void shop_world_close(struct shop_world *world);
void shop_world_fail_at(struct shop_world *world, unsigned n, enum shop_fault fault);

/* How many documents a collection has, and how many events wait; -1: the store could not say. */
int shop_count(struct shop_world *world, const char *collection);
int shop_events(struct shop_world *world);
/* The one event that waits: its message copied into the world's arena. False when it is not one. */
int shop_event(struct shop_world *world, ecom_msg *out);

/* Passwords that cost little. */
ecom_passwords *shop_passwords(void);
/* A string of n times c in the arena. */
ecom_str shop_repeat(struct shop_world *world, char c, size_t n);

#endif
