/* The reading half of the SQLite store: a few connections, each for one call at a time. In WAL mode
 * they neither wait for the writer nor hold it up, and see all that was committed. */
#ifndef ECOM_STORE_SQLITE_READ_H
#define ECOM_STORE_SQLITE_READ_H

#include <pthread.h>

#include "store/store.h"

enum { ECOM__READERS = 4 };

typedef struct ecom__reader ecom__reader;

typedef struct ecom__readers {
    pthread_mutex_t lock;
    pthread_cond_t returned;
    ecom__reader *idle; /* the one used last first: its cache is warm */
    int open, waiting;
    int32_t timeout_ms;
    char *path;
} ecom__readers;

int ecom__readers_init(ecom__readers *readers, const char *path, int32_t timeout_ms,
                       ecom_error *err);
void ecom__readers_clear(ecom__readers *readers);

int ecom__sqlite_get(ecom__readers *readers, ecom_str collection, ecom_str id, ecom_buf *doc,
                     uint64_t *rev, ecom_error *err);
int ecom__sqlite_find(ecom__readers *readers, const ecom_query *query, ecom_row_fn row, void *user,
                      int *more, ecom_error *err);
int ecom__sqlite_pending(ecom__readers *readers, ecom_str origin, int64_t before_ms, uint32_t limit,
                         ecom_pending_fn row, void *user, ecom_error *err);
int ecom__sqlite_backlog(ecom__readers *readers, uint64_t *count, int64_t *oldest_ms,
                         ecom_error *err);
int ecom__sqlite_ping(ecom__readers *readers, ecom_error *err);

#endif
