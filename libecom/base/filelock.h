/* A lock between processes (and threads) that is fair, wakes at once, waits no longer than it is
 * told to, and is given up by the kernel when its holder dies. SQLite's own waiting is a sleep that
 * grows, under which writers starve for seconds. */
#ifndef ECOM_BASE_FILELOCK_H
#define ECOM_BASE_FILELOCK_H

#include "ecom/base.h"

typedef struct ecom__filelock ecom__filelock;

/* Opens the lock that lives in the file at @p path; makes the file, which stays for ever: it must
 * never be unlinked. Not to be used across fork(). */
int ecom__filelock_open(const char *path, ecom__filelock **out, ecom_error *err);
/* Takes it. Not recursive; the thread that takes it must give it. ECOM_E_UNAVAILABLE: others had
 * it for @p timeout_ms; 0 only tries. */
int ecom__filelock_take(ecom__filelock *lock, int32_t timeout_ms, ecom_error *err);
void ecom__filelock_give(ecom__filelock *lock);
void ecom__filelock_close(ecom__filelock *lock);

#endif
