/* Waking other processes: who has written rings a bell, which is a byte written to a file; who
 * waits listens to many bells with one ear. A bell is rung after the commit, so who hears it sees
 * what was written. The file is never unlinked. */
#ifndef ECOM_BUS_BELL_H
#define ECOM_BUS_BELL_H

#include "ecom/base.h"

/* Opens or makes it. @return a descriptor or a code. */
int ecom__bell_open(const char *path, ecom_error *err);
/* Cannot fail in a way that matters: listeners look by themselves now and then. */
void ecom__bell_ring(int bell);

/* For one thread at a time, except wake. Starts from ECOM__EAR_NONE. */
struct ecom__ear {
    int inotify, event;
};
#define ECOM__EAR_NONE ((struct ecom__ear){-1, -1})

int ecom__ear_open(struct ecom__ear *ear, ecom_error *err);
int ecom__ear_listen(struct ecom__ear *ear, const char *path, ecom_error *err);
void ecom__ear_wake(struct ecom__ear *ear);
/* Was wake called since this was last asked? */
int ecom__ear_woken(struct ecom__ear *ear);
/* Until a bell rings, wake is called, or the time is up. */
void ecom__ear_wait(struct ecom__ear *ear, int32_t timeout_ms);
void ecom__ear_close(struct ecom__ear *ear);

#endif
