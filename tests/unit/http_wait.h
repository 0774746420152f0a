/* What tests wait for on the threads of a server: numbers that these count up, and a gate at which
 * handlers stand until a test opens it. */
#ifndef HTTP_WAIT_H
#define HTTP_WAIT_H

#include "http_wire.h"

/* One more of what. All numbers have the same lock: tests read those of a running server by
 * count_of(). */
void count(int *what);
int count_of(const int *what);
/* Until there are n, or more. */
void await_count(const int *what, int n);
/* Reads what comes, until there is one of what: which may be after all has been read. */
void read_until_counted(struct wire *w, const int *what);

/* A handler: answers "through" when the gate is open. */
int pass_gate(void *user, ecom_exchange *x, ecom_error *err);
void gate_set(int open);
/* Until as many as that stand at the gate, and no more. */
void gate_await(int inside);
int gate_inside(void);

#endif
