/** @file
 * The door for people who write a store or a bus. Fill in one `static const` table, register it
 * for a URL scheme (or ship `libecom-SCHEME.so` with an `ecom_backend_SCHEME` function), and run
 * the conformance suites of <ecom/testing.h>: they tell you when you are done.
 *
 * The core has checked every argument against the limits of <ecom/store.h> and <ecom/bus.h> before
 * a method sees it, and filled in the defaults; no output but those that are marked is NULL.
 * Methods may block; they are never called on an event loop, but for put_later() of a backend with
 * ECOM_CAP_PUT_LATER. They return ECOM_OK or what
 * ecom_fail() returned; outputs change on success only. `err` may be NULL.
 */
#ifndef ECOM_BACKEND_H
#define ECOM_BACKEND_H

#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a backend promises. The conformance suite tests each promise made, and nothing beyond. */
enum {
    ECOM_CAP_DURABLE = 1 << 0,       /**< what returned survives a crash */
    ECOM_CAP_CONCURRENT = 1 << 1,    /**< methods may run at the same time */
    ECOM_CAP_MULTI_PROCESS = 1 << 2, /**< other handles on the same URL see the same data */
    ECOM_CAP_PUT_LATER = 1 << 3      /**< put_later() waits for nothing: neither for a server, nor
                                          for a disk, nor for its turn, nor for @p fn to return */
};

/** A change as the backend gets it: checked, and with what the core adds. */
typedef struct ecom_store_write {
    const ecom_change *change;
    ecom_str origin; /**< this handle's id, no other's: kept beside the events for pending() */
    int64_t now_ms;
} ecom_store_write;

/** A storage backend. Without ECOM_CAP_CONCURRENT the core calls one method at a time. */
typedef struct ecom_store_ops {
    uint32_t size;    /**< sizeof(ecom_store_ops) as you compiled it; the table only ever grows */
    uint32_t caps;    /**< ECOM_CAP_* bits */
    const char *name; /**< "memory", "sqlite"...; static, used in logs and errors */

    /** Appends the document to @p doc, which may hold something already. ECOM_E_NOTFOUND. */
    int (*get)(void *self, ecom_str collection, ecom_str id, ecom_buf *doc, uint64_t *rev,
               ecom_error *err);
    /** As ecom_store_put() has it: a conflict is told before a clash, and a change whose answer is
     *  neither ECOM_OK nor ECOM_E_TIMEOUT did not happen. */
    int (*put)(void *self, const ecom_store_write *write, uint64_t *rev, ecom_error *err);
    /** The document's events stay. ECOM_E_NOTFOUND before ECOM_E_CONFLICT. */
    int (*remove)(void *self, ecom_str collection, ecom_str id, uint64_t expect, ecom_error *err);
    /** @p more  1: there were more rows than the limit; not when @p row stopped. */
    int (*find)(void *self, const ecom_query *query, ecom_row_fn row, void *user, int *more,
                ecom_error *err);
    /** All events of documents with one by @p origin, and with one from before @p before_ms: oldest
     *  first, whatever their documents, so that @p limit takes the oldest; in each document's
     *  order, none left out before one that comes. */
    int (*pending)(void *self, ecom_str origin, int64_t before_ms, uint32_t limit,
                   ecom_pending_fn row, void *user, ecom_error *err);
    /** Tokens are those that pending() gave out, by whichever handle; unknown ones are fine. */
    int (*published)(void *self, const ecom_str *tokens, size_t n, ecom_error *err);
    int (*backlog)(void *self, uint64_t *count, int64_t *oldest_ms, ecom_error *err);
    int (*ping)(void *self, ecom_error *err);
    /** Frees `self`. Called exactly once, last. */
    void (*close)(void *self);
    /** As ecom_store_put_later() has it; @p write stays until @p fn is called. NULL, or not in the
     *  table yet: the core calls put(). Only with ECOM_CAP_CONCURRENT. May return ECOM_WOULD_WAIT,
     *  when 256 or more wait already, and the core calls put() then. See ECOM_CAP_PUT_LATER. */
    int (*put_later)(void *self, const ecom_store_write *write, ecom_put_fn fn, void *user,
                     ecom_error *err);
    /** As ecom_store_watch() has them, for the handle of @p origin. All three or none: NULL, or not
     *  in the table yet, and the relay looks by itself now and then. Only with ECOM_CAP_CONCURRENT.
     *  watch() may answer ECOM_E_NOTSUP, when it is the server that cannot. */
    int (*watch)(void *self, ecom_str origin, void **watch, ecom_error *err);
    int (*wait)(void *watch, int32_t timeout_ms, ecom_error *err);
    void (*unwatch)(void *watch);
} ecom_store_ops;

/** A message backend. Without ECOM_CAP_CONCURRENT the core calls one of publish(), create_topic(),
 *  topics(), ping() and subscribe() at a time. Members' methods run beside those and beside other
 *  members'; one member's are called one at a time, except wake(). */
typedef struct ecom_bus_ops {
    uint32_t size, caps;
    const char *name;

    /** As ecom_bus_publish() has it; every message has its time. */
    int (*publish)(void *self, const ecom_msg *msgs, size_t n, size_t *done, ecom_error *err);
    /** @p partitions is 1 or more; a topic that publish() or subscribe() make has as many as the
     *  options say. */
    int (*create_topic)(void *self, ecom_str topic, int32_t partitions, ecom_error *err);
    int (*topics)(void *self, ecom_msg_fn row, void *user, ecom_error *err);
    int (*ping)(void *self, ecom_error *err);
    /** Frees `self`. Called exactly once, last, when all members have left. */
    void (*close)(void *self);

    /** Joins; what ecom_bus_subscribe() says. @p sub  gone when it returns: copy what you keep. */
    int (*subscribe)(void *self, const ecom_subscription *sub, void **member, ecom_error *err);
    /** As ecom_member_poll() has it; `revoked` is called in here, and nowhere else. */
    int (*poll)(void *member, int32_t timeout_ms, uint32_t max, ecom_msg_fn fn, void *user,
                ecom_error *err);
    /** From any thread, also while poll() waits: it, or the next one, ends with ECOM_E_TIMEOUT. */
    void (*wake)(void *member);
    /** Also from within poll()'s @p fn and `revoked`. */
    int (*ack)(void *member, ecom_str topic, int32_t partition, int64_t offset, ecom_error *err);
    int (*lag)(void *member, uint64_t *lag, ecom_error *err);
    /** Leaves and frees the member. */
    void (*leave)(void *member);
} ecom_bus_ops;

/** Makes a handle from a backend. On success the handle owns @p self; on failure it is still yours.
 *  @param ops  copied. But its name is not.
 *  @return ECOM_E_INVAL: the table is too small, or a method that there must be is NULL;
 *          ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_store_new(const ecom_store_ops *ops, void *self,
                                          const ecom_store_options *opts, ecom_store **out,
                                          ecom_error *err);
ECOM_API ECOM_MUST_USE int ecom_bus_new(const ecom_bus_ops *ops, void *self,
                                        const ecom_bus_options *opts, ecom_bus **out,
                                        ecom_error *err);

/**
 * Completes a table for a backend over another store, which does some things otherwise: each method
 * that is NULL hands its call on. For that, `self` is a struct whose first member is the
 * `ecom_store *` it goes to; what watch() gives is an `ecom_watch *`. put_later stays as it is, so
 * that nothing goes past a put of yours. close() closes the inner store and frees nothing else: who
 * allocates `self` has one of his own.
 *
 *     struct counting { ecom_store *inner; atomic_int puts; };
 *
 *     ecom_store_ops ops = {.size = sizeof(ops), .caps = ECOM_CAP_CONCURRENT,
 *                           .name = "counting", .put = counting_put};
 *     ecom_store_forward(&ops);
 *     int r = ecom_store_new(&ops, &counting, NULL, &store, err);
 *
 * @param ops  of the size that it says; its caps are yours to say. Since: 0.1
 */
ECOM_API void ecom_store_forward(ecom_store_ops *ops);
/** The same for a bus: `self` begins with an `ecom_bus *`. What subscribe() gives is an
 *  `ecom_member *`, for the methods that get a member. */
ECOM_API void ecom_bus_forward(ecom_bus_ops *ops);

/** How a scheme is opened. @p url is the whole of it. Either opener may be NULL. */
typedef struct ecom_scheme {
    uint32_t size;
    const char *name; /**< "nats": 1 to 32 bytes of [a-z0-9+.-], as in the URL; static */
    int (*open_store)(const char *url, const ecom_store_options *opts, ecom_store **out,
                      ecom_error *err);
    int (*open_bus)(const char *url, const ecom_bus_options *opts, ecom_bus **out, ecom_error *err);
} ecom_scheme;

/** Registers a scheme for the rest of the process. @return ECOM_E_EXISTS; ECOM_E_TOOLARGE (64). */
ECOM_API ECOM_MUST_USE int ecom_scheme_register(const ecom_scheme *scheme, ecom_error *err);

/** What `libecom-NAME.so` exports: a function `const ecom_scheme *ecom_backend_NAME(void)`, with
 *  every byte of NAME that is not a letter or digit as `_`. */
typedef const ecom_scheme *(*ecom_backend_fn)(void);

#ifdef __cplusplus
}
#endif
#endif
