/** @file
 * The store: where a service keeps its records. Callers' door; writing a backend? See
 * <ecom/backend.h>.
 *
 * A store holds JSON documents in collections. Its one write saves a document together with its
 * index entries and the events that the change gives rise to: all or nothing. That is what makes
 * an outbox without a gap; the relay (<ecom/outbox.h>) publishes them.
 */
#ifndef ECOM_STORE_H
#define ECOM_STORE_H

#include "bus.h"
#include "record.h"

#ifdef __cplusplus
extern "C" {
#endif

/** May be used from any thread. */
typedef struct ecom_store ecom_store;

#define ECOM_REV_ANY UINT64_MAX /**< write whatever the stored revision is */

#define ECOM_STORE_MAX_NAME 64        /**< bytes of a collection's or an index's name */
#define ECOM_STORE_MAX_ID 256         /**< bytes of a document's id */
#define ECOM_STORE_MAX_DOC (8u << 20) /**< bytes of a document */
#define ECOM_STORE_MAX_VALUE 512      /**< bytes of an index entry's value */
#define ECOM_STORE_MAX_ENTRIES 1024   /**< index entries of a document */
#define ECOM_STORE_MAX_EVENTS 64      /**< events of one change */
#define ECOM_STORE_MAX_PAGE 1000      /**< documents of one find, rows of one pending */

/** How a store behaves. Start from ECOM_STORE_OPTIONS_INIT; zero always means the default. */
typedef struct ecom_store_options {
    uint32_t size;       /**< set by the initialiser; new fields go to the end */
    int32_t timeout_ms;  /**< per call; 0: 5000 */
    const ecom_env *env; /**< NULL: ecom_env_system(); must outlive the store */
    const ecom_log *log; /**< nullable; must outlive the store */
} ecom_store_options;
/* clang-format off */
#define ECOM_STORE_OPTIONS_INIT {sizeof(ecom_store_options), 0, NULL, NULL}
/* clang-format on */

/** One value under which a document is found. A document may have several in one index. */
typedef struct ecom_entry {
    ecom_str index; /**< 1 to 64 bytes of [A-Za-z0-9_.-] */
    ecom_str value; /**< 1 to 512 bytes, any; compared as memcmp does */
    int32_t unique; /**< 1: no other document of the collection may have it in this index as a
                         unique one. The same entry given twice counts once */
} ecom_entry;

/** One change: a document, how it is found from now on, and what it gives rise to. */
typedef struct ecom_change {
    ecom_str collection; /**< 1 to 64 bytes of [A-Za-z0-9_.-] */
    ecom_str id;         /**< 1 to 256 bytes of printable ASCII without space */
    ecom_str doc;        /**< a JSON object */
    uint64_t expect;     /**< the revision you read; 0: must be new; ECOM_REV_ANY: do not care */
    const ecom_entry *entries; /**< all of them: they replace the former ones */
    size_t nentries;
    const ecom_msg *events; /**< in order; `id` and `topic` needed, published at least once */
    size_t nevents;
} ecom_change;

/** What find() looks for: the documents of a collection by (value, id) of one index. */
typedef struct ecom_query {
    ecom_str collection;
    ecom_str index;    /**< empty: by id */
    ecom_str from, to; /**< values from <= v <= to; an empty `to` has no end; ids, when by id */
    int32_t descending;
    ecom_str after_value, after_id; /**< go on behind this row, which need not be there any more;
                                         both empty: from the start. By id: after_id alone */
    uint32_t limit;                 /**< 1 to 1000; 0: 100 */
} ecom_query;

/** One document of a find, borrowed for the call. */
typedef struct ecom_row {
    ecom_str id, value, doc; /**< `value` is empty, when by id */
    uint64_t rev;
} ecom_row;

/** Receives rows in order. Non-zero stops. Must not call the store. */
typedef int (*ecom_row_fn)(void *user, const ecom_row *row);

/** Opens by URL: `memory:`, `sqlite:PATH`, or a scheme registered or installed by others: for
 *  `NAME:...` the library `libecom-NAME.so` is loaded on first use (for `NAME+x:...`, the same).
 *
 *  `memory:` is a fresh store of its own; `memory:NAME` is shared by all who open it, until the
 *  process ends. `sqlite:PATH` is a file, made if its directory is there, which several processes
 *  may open; beside it lie PATH-wal and PATH-shm, which belong to it, and PATH-lock. Never use a
 *  handle across fork().
 *  @param opts  nullable; read during the call only.
 *  @param out   the new handle: ends with ecom_store_close(). Untouched on failure.
 *  @return ECOM_OK; ECOM_E_INVAL (URL); ECOM_E_NOTSUP (no such scheme: the text says what to
 *          install); ECOM_E_UNAVAILABLE; ECOM_E_CORRUPT; ECOM_E_FULL; ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_store_open(const char *url, const ecom_store_options *opts,
                                           ecom_store **out, ecom_error *err);

/**
 * Writes one document with its index entries and its events, if nobody else wrote it since you
 * read it.
 *
 *     r = ecom_store_put(store, &change, &rev, &e);
 *     if (r == ECOM_E_CONFLICT) ...read again, decide again, put again
 *
 * @param change  borrowed.
 * @param rev     out, nullable: the new revision, larger than every one before it of this document.
 * @return ECOM_OK: it is durable.
 *         ECOM_E_CONFLICT: the stored revision is another; reported before a clash.
 *         ECOM_E_EXISTS: a unique entry is taken; err->field names the index (its first 63 bytes).
 *         ECOM_E_INVAL, ECOM_E_TOOLARGE: a limit above.
 *         ECOM_E_TIMEOUT: it may have been written; read again.
 *         ECOM_E_UNAVAILABLE, ECOM_E_FULL, ECOM_E_CORRUPT, ECOM_E_NOMEM: it was not.
 * Threads: any; blocks up to options.timeout_ms: never on an event loop. Writers at the same time
 * share one sync.   Since: 0.1
 */
ECOM_API ECOM_MUST_USE int ecom_store_put(ecom_store *store, const ecom_change *change,
                                          uint64_t *rev, ecom_error *err);

/** Tells what came of ecom_store_put_later(): what ecom_store_put() would have returned. May be
 * called on any thread, under no lock, and before that call returns. It holds others up: be brief,
 * and do not close the store. @param err  never NULL; yours to change. */
typedef void (*ecom_put_fn)(void *user, int result, uint64_t rev, ecom_error *err);

/** As ecom_store_put(), for who has better to do than wait: one thread can have many changes under
 *  way, which then share a sync. It may wait all the same: always with a store that cannot do
 *  otherwise, and where very many changes wait (`sqlite:`: 1,024). With `sqlite:` the store has a
 *  thread for it, from the first of them on.
 *  @param change  all that it points to must stay until @p fn is called; the struct itself too.
 *  @param fn      called exactly once, if this returns ECOM_OK.
 *  @return ECOM_OK; ECOM_E_INVAL, ECOM_E_TOOLARGE, ECOM_E_UNAVAILABLE, ECOM_E_CLOSED, ECOM_E_NOMEM:
 *          nothing was begun. */
ECOM_API ECOM_MUST_USE int ecom_store_put_later(ecom_store *store, const ecom_change *change,
                                                ecom_put_fn fn, void *user, ecom_error *err);
/** The same, for an event loop: where it would have to wait it returns ECOM_WOULD_WAIT, as always
 *  with `memory:` and `mongodb:`.   Since: 0.1 */
ECOM_API ECOM_MUST_USE int ecom_store_try_put_later(ecom_store *store, const ecom_change *change,
                                                    ecom_put_fn fn, void *user, ecom_error *err);

/** Reads one document, appending it to @p doc. @param rev  out, nullable.
 *  @return ECOM_E_NOTFOUND, or as put. */
ECOM_API ECOM_MUST_USE int ecom_store_get(ecom_store *store, ecom_str collection, ecom_str id,
                                          ecom_buf *doc, uint64_t *rev, ecom_error *err);

/**
 * Writes a record as a document: ecom_store_put() with what the record's table says. The document
 * is the struct in ECOM_VIEW_STORE. Each field with ECOM_INDEX or ECOM_UNIQUE that is there and not
 * empty is an entry of the index called as the field: a text as it is, an enum by its name, a bool
 * as 0 or 1, a time as ecom_time_format() writes it, a number as 16 hexadecimal digits of the
 * number and 2^63, so that values sort as the numbers do. A field of a record or a list has none.
 *
 *     const ecom_change change = {.collection = ecom_str_of("notes"), .id = note.id};
 *     r = ecom_store_put_record(store, &change, &note_record, &note, arena, NULL, &e);
 *
 * @param change  `doc` is not looked at; `entries` are those beside the record's.
 * @param in      the record's struct.
 * @param arena   holds the entries.
 * @return ECOM_E_INVAL with the field of the record; ECOM_E_TOOLARGE: one of more than 512 bytes in
 *         an index; or as ecom_store_put().   Since: 0.1
 */
ECOM_API ECOM_MUST_USE int ecom_store_put_record(ecom_store *store, const ecom_change *change,
                                                 const ecom_record *record, const void *in,
                                                 ecom_arena *arena, uint64_t *rev, ecom_error *err);
/** Reads a document as a record.
 *  @param arena  holds the strings and lists.
 *  @param out    record->size bytes; on failure its content is undefined.
 *  @param rev    out, nullable.
 *  @return ECOM_E_CORRUPT: what is stored is no such record; or as ecom_store_get(). */
ECOM_API ECOM_MUST_USE int ecom_store_get_record(ecom_store *store, ecom_str collection,
                                                 ecom_str id, const ecom_record *record,
                                                 ecom_arena *arena, void *out, uint64_t *rev,
                                                 ecom_error *err);

/** Removes a document and its entries; its pending events stay until they are published.
 *  @return ECOM_E_NOTFOUND; ECOM_E_CONFLICT; or as put. */
ECOM_API ECOM_MUST_USE int ecom_store_remove(ecom_store *store, ecom_str collection, ecom_str id,
                                             uint64_t expect, ecom_error *err);

/** Goes through documents by (value, id). A document with two values in range comes twice. Rows
 *  written meanwhile may or may not be seen; none that was there throughout is missed or doubled.
 *  @param more  out, nullable: 1 when the limit cut the answer short.
 *  @return ECOM_OK, also when there is none, or @p row stopped; ECOM_E_INVAL, ECOM_E_TOOLARGE (the
 *          field); ECOM_E_TIMEOUT, ECOM_E_UNAVAILABLE, ECOM_E_CORRUPT. */
ECOM_API ECOM_MUST_USE int ecom_store_find(ecom_store *store, const ecom_query *query,
                                           ecom_row_fn row, void *user, int *more, ecom_error *err);

/** An event that waits to be published. Borrowed for the call. */
typedef struct ecom_pending {
    ecom_str token;          /**< hand it to ecom_store_published() */
    ecom_str collection, id; /**< the document that gave rise to it */
    int64_t since_ms;        /**< when it was written */
    ecom_msg msg;
} ecom_pending;

/** Receives events in order. Non-zero stops. Must not call the store. */
typedef int (*ecom_pending_fn)(void *user, const ecom_pending *pending);

/** Goes through events that wait: those of documents which this handle changed, and those of
 *  documents with one written before @p before_ms, by whomever. The oldest come first, whatever
 *  their documents: those of one document in the order of its changes, those of several as far as
 *  the writers' clocks agree. Of a document, none is left out before one that comes.
 *  @param limit  1 to 1000; 0: 100.
 *  @return as ecom_store_find(). */
ECOM_API ECOM_MUST_USE int ecom_store_pending(ecom_store *store, int64_t before_ms, uint32_t limit,
                                              ecom_pending_fn row, void *user, ecom_error *err);
/** Forgets events that the bus has confirmed. Unknown tokens are fine: another relay was first. It
 *  survives the process; after a power cut, events may come back. @param n  at most 1000.
 *  @return ECOM_E_TOOLARGE (n); or as ecom_store_find(). */
ECOM_API ECOM_MUST_USE int ecom_store_published(ecom_store *store, const ecom_str *tokens, size_t n,
                                                ecom_error *err);
/** How many events wait, and since when the oldest does (0: none). For metrics. Both are nullable.
 *  @return as ecom_store_find(). */
ECOM_API ECOM_MUST_USE int ecom_store_backlog(ecom_store *store, uint64_t *count,
                                              int64_t *oldest_ms, ecom_error *err);

/** Is it there, does it answer, and could it write? For readiness. A file's disk is tried with 64
 *  KiB; whatever the store, ECOM_E_FULL when a write found no space within the last five seconds
 *  and none has succeeded since. */
ECOM_API ECOM_MUST_USE int ecom_store_ping(ecom_store *store, ecom_error *err);

/** Calls @p fn after each put that left events behind, from the thread that did it, under no lock.
 *  One listener: the relay. NULL takes it away, and waits for calls in progress. */
ECOM_API void ecom_store_on_events(ecom_store *store, void (*fn)(void *user), void *user);

/** Hears when other handles, here or in another process, leave events in the same data. What they
 *  left before is for ecom_store_pending() to say. */
typedef struct ecom_watch ecom_watch;

/** Begins to listen. For the relay: without it another's events are found by looking for them.
 *  @param out  ecom_watch_close() ends it, before the store is closed.
 *  @return ECOM_E_NOTSUP: this store, or this server, does not tell; ECOM_E_UNAVAILABLE,
 *          ECOM_E_NOMEM.   Since: 0.1 */
ECOM_API ECOM_MUST_USE int ecom_store_watch(ecom_store *store, ecom_watch **out, ecom_error *err);
/** Waits until another handle has left events. For one thread at a time.
 *  @param timeout_ms  0 or more; it may take a call's time longer when the server falls silent.
 *  @return ECOM_OK: one has, or may have, since the watch began or since the last ECOM_OK;
 *          ECOM_E_TIMEOUT: none has; anything else: nothing is heard any more, close it. */
ECOM_API ECOM_MUST_USE int ecom_watch_wait(ecom_watch *watch, int32_t timeout_ms, ecom_error *err);
/** NULL is fine. */
ECOM_API void ecom_watch_close(ecom_watch *watch);

/** Waits for calls in flight, then frees everything. NULL is fine. */
ECOM_API void ecom_store_close(ecom_store *store);

#ifdef __cplusplus
}
#endif
#endif
