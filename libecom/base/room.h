/* Whether there is space left where data should go: for readiness, which must not wait until a
 * customer finds out. */
#ifndef BASE_ROOM_H
#define BASE_ROOM_H

#include <stdatomic.h>

#include "ecom/env.h"

/* What the last writes came to. Threads: any. */
struct ecom__room {
    atomic_llong full_until_ms; /* 0: there was space */
};

/* Takes note of a write's code. */
void ecom__room_note(struct ecom__room *room, const ecom_env *env, int code);
/* ECOM_E_FULL when a write found no space within the last five seconds, and none has succeeded
 * since: longer would keep those away by whom it is found out that there is space again. */
int ecom__room_check(struct ecom__room *room, const ecom_env *env, ecom_error *err);

/* Writes 64 KiB to a file without a name, and forgets it. @p at is a descriptor of a directory, or
 * AT_FDCWD; @p dir is relative to it. What file systems without such files have is not found out.
 * @return ECOM_E_FULL; ECOM_E_UNAVAILABLE: it cannot be written to. */
int ecom__room_probe(int at, const char *dir, ecom_error *err);

#endif
