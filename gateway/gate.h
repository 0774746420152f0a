/* Large requests take their turns. Reading one is work for the processor alone: as many at once as
 * there are threads would only slow each other down, and whoever asks for little beside them. */
#ifndef GATEWAY_GATE_H
#define GATEWAY_GATE_H

#include "daemon/daemon.h"

#include <pthread.h>

enum { GATE_LARGE_BYTES = 64 << 10, GATE_MAX_WAITING = 64 };

/* One request; its owner's, until it has run. */
struct gate_turn {
    struct gate_turn *next;
    struct gate *gate;
    /* Its turn has come, on some thread; cancelled: it never will. */
    void (*run)(struct gate_turn *turn, int cancelled);
};

struct gate {
    const struct daemon *d;
    pthread_mutex_t lock;
    uint32_t inside, most, waiting;
    struct gate_turn *first, *last;
};

/* Half of the processors, or of the threads, may be inside at once. */
void gate_init(struct gate *gate, const struct daemon *d);
void gate_clear(struct gate *gate);
/* @return 1: go on, and gate_leave() in the end; 0: turn->run() is called; ECOM_E_RATE: more than
 *         GATE_MAX_WAITING wait. */
int gate_enter(struct gate *gate, struct gate_turn *turn, ecom_error *err);
/* The work is done, or will wait for something. Lets the next one in. */
void gate_leave(struct gate *gate);

#endif
