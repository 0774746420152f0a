/* Inside the MongoDB store: what its files share. */
#ifndef ECOM_MONGODB_MONGODB_H
#define ECOM_MONGODB_MONGODB_H

#include <pthread.h>

#include "ecom/mongodb.h"
#include "mongodb/driver.h"

struct ecom__mdb;
struct ecom__mdb_job;

enum { ECOM__MDB_MAX_COLLECTIONS = 256, ECOM__MDB_NAME = ECOM_STORE_MAX_NAME + 2 };

/* Jobs that wait to go to the server: see group.h. */
typedef struct ecom__mdb_queue {
    size_t most; /* commands under way, before others wait */
    void (*carry)(struct ecom__mdb *db, struct ecom__mdb_job *const *jobs, size_t n);
    pthread_mutex_t lock;
    struct ecom__mdb_job *first, **end;
    size_t n;
    size_t running; /* commands under way, or about to be */
} ecom__mdb_queue;

/* A client of the pool, with what is made for it once and not for each call: seat.c. */
typedef struct ecom__mdb_seat {
    struct ecom__mdb_seat *next;
    mongoc_client_t *client;
    mongoc_collection_t *collection; /* that it was last used for; or NULL */
    char name[ECOM__MDB_NAME];       /* of that */
    /* Of changes: in a session of their own once one has gone well, for a server that is away is
     * waited for where a session begins, too. */
    mongoc_client_session_t *session; /* or NULL: some servers have none */
    int asked;                        /* for one */
    bson_t options;
} ecom__mdb_seat;

typedef struct ecom__mdb {
    mongoc_client_pool_t *pool;
    char *database;
    const ecom_env *env;
    const ecom_log *log; /* nullable */
    int32_t timeout_ms;
    int64_t longest_us; /* a command may take if all goes wrong; a write twice, the driver's try */
    int alone;          /* the pool holds one client: none can be kept to listen with */

    pthread_mutex_t lock;
    uint64_t last; /* revision given out */
    /* Collections of ours, as they are called there; `ready`: the indexes are known to be there. */
    struct ecom__mdb_collection {
        char name[ECOM__MDB_NAME];
        int ready, preparing;
    } collections[ECOM__MDB_MAX_COLLECTIONS];
    size_t ncollections;
    int64_t listed_us;       /* when they were last asked for; below 0: never */
    pthread_cond_t prepared; /* somebody has come to an end with preparing one */
    ecom_error why_not;      /* if without success */
    int64_t complained_us;   /* of events that cannot be read; below 0: never */

    ecom__mdb_queue writes, reads;

    pthread_mutex_t seats_lock;
    ecom__mdb_seat *seats; /* that are free; the last one used comes first */
    size_t waiting;        /* for a client of the pool, since no seat was free */
} ecom__mdb;

/* A client of the pool, and one collection: for one call, or a part of it. */
typedef struct ecom__mdb_use {
    ecom__mdb_seat *seat;
    mongoc_client_t *client; /* the seat's, as the collection is */
    mongoc_collection_t *collection;
    int64_t until_us; /* when the call must be over */
    int broken;       /* the last command failed in a way that may not happen again */
} ecom__mdb_use;

/* When a call that begins now must be over, on the monotonic clock. The driver knows no such time:
 * a call begins a command only if it will end before, come what may. */
int64_t ecom__mdb_until(const ecom__mdb *db);
/* ECOM_E_UNAVAILABLE: one more command may take too long. */
int ecom__mdb_check_time(const ecom__mdb *db, int64_t until_us, ecom_error *err);

/* @param name  of a collection, as it is called there. ECOM_E_UNAVAILABLE: all clients are busy, or
 * too little time is left. */
int ecom__mdb_take(ecom__mdb *db, const char *name, int64_t until_us, ecom__mdb_use *use,
                   ecom_error *err);
void ecom__mdb_give(ecom__mdb *db, ecom__mdb_use *use);

/* The same without a collection or a time. ECOM_E_UNAVAILABLE; ECOM_E_NOMEM. */
int ecom__mdb_seat_take(ecom__mdb *db, ecom__mdb_seat **out, ecom_error *err);
void ecom__mdb_seat_give(ecom__mdb *db, ecom__mdb_seat *seat);
/* After a change: from the next one on, they have a session; after a failure they have none. */
void ecom__mdb_seat_note(ecom__mdb_seat *seat, int ok);
void ecom__mdb_seats_init(ecom__mdb *db);
void ecom__mdb_seats_clear(ecom__mdb *db);

/* What a collection of the caller's is called there: MongoDB keeps some names to itself. */
void ecom__mdb_name(ecom_str collection, char out[ECOM__MDB_NAME]);
/* Truth: ecom__mdb_prepare() has nothing to do. */
int ecom__mdb_is_ready(ecom__mdb *db, const char *name);
/* Before the first write to a collection: makes its indexes, and notes it where pending() looks.
 * That may take long, and once only: the call's time begins anew behind it. */
int ecom__mdb_prepare(ecom__mdb *db, ecom__mdb_use *use, const char *name, ecom_error *err);
/* The collections where events may wait: `out` holds ECOM__MDB_MAX_COLLECTIONS names. */
int ecom__mdb_list(ecom__mdb *db, int64_t until_us, char (*out)[ECOM__MDB_NAME], size_t *n,
                   ecom_error *err);
/* A revision above @p stored and above all that this handle gave out: about the time in us. */
uint64_t ecom__mdb_next_rev(ecom__mdb *db, uint64_t stored);

/* Has the driver tell of each try of a write: before the pool's first use. */
void ecom__mdb_note_tries(mongoc_client_pool_t *pool);

void ecom__mdb_queues_init(ecom__mdb *db);
void ecom__mdb_queues_clear(ecom__mdb *db);

/* What went wrong, as one of ours. `unknown`: a write may yet be done. */
int ecom__mdb_fail(const bson_error_t *cause, ecom_error *err);
int ecom__mdb_is_duplicate(const bson_error_t *cause);
int ecom__mdb_is_unknown(const bson_error_t *cause, const bson_t *reply);

/* The first document of an answer, borrowed from the cursor. NULL: there is none, or it could not
 * be had, as @p r then says. */
const bson_t *ecom__mdb_first(mongoc_cursor_t *cursor, ecom__mdb_use *use, int *r, ecom_error *err);
/* What went wrong with a command of this use, as ecom__mdb_fail() has it. */
int ecom__mdb_fail_in(ecom__mdb_use *use, const bson_error_t *cause, ecom_error *err);

/* A reply's field, or 0. */
int64_t ecom__mdb_number(const bson_t *reply, const char *name);

/* The methods of the table. */
int ecom__mdb_get(void *self, ecom_str collection, ecom_str id, ecom_buf *doc, uint64_t *rev,
                  ecom_error *err);
int ecom__mdb_find(void *self, const ecom_query *query, ecom_row_fn row, void *user, int *more,
                   ecom_error *err);
int ecom__mdb_put(void *self, const ecom_store_write *write, uint64_t *rev, ecom_error *err);
int ecom__mdb_put_later(void *self, const ecom_store_write *write, ecom_put_fn fn, void *user,
                        ecom_error *err);
int ecom__mdb_remove(void *self, ecom_str collection, ecom_str id, uint64_t expect,
                     ecom_error *err);
int ecom__mdb_pending(void *self, ecom_str origin, int64_t before_ms, uint32_t limit,
                      ecom_pending_fn row, void *user, ecom_error *err);
int ecom__mdb_published(void *self, const ecom_str *tokens, size_t n, ecom_error *err);
int ecom__mdb_backlog(void *self, uint64_t *count, int64_t *oldest_ms, ecom_error *err);
int ecom__mdb_watch(void *self, ecom_str origin, void **watch, ecom_error *err);
int ecom__mdb_wait(void *watch, int32_t timeout_ms, ecom_error *err);
void ecom__mdb_unwatch(void *watch);

#endif
