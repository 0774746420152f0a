/* Inside the store's room: what its files share. */
#ifndef ECOM_STORE_STORE_H
#define ECOM_STORE_STORE_H

#include "ecom/backend.h"

/* `memory:` is a fresh store of its own; `memory:NAME` is one that all handles of this name share
 * until the process ends. @param name  what is behind the colon. */
int ecom__store_open_memory(const char *name, const ecom_store_options *opts, ecom_store **out,
                            ecom_error *err);
int ecom__store_open_sqlite(const char *path, const ecom_store_options *opts, ecom_store **out,
                            ecom_error *err);

/* Truth: the backend knows how to watch, though its server may not. */
int ecom__store_can_watch(const ecom_store *store);

/* Truth: ecom_store_try_put_later() is worth trying. */
int ecom__store_puts_later(const ecom_store *store);

/* Is the stored revision, 0: none, the one that the change expects? ECOM_E_CONFLICT. */
int ecom__check_rev(uint64_t stored, uint64_t expect, ecom_error *err);

#endif
