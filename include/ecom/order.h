/** @file
 * Orders: accepted together with their ORDER_CREATED event, and moved on by what becomes of the
 * payment.
 *
 *     PENDING --PAYMENT_COMPLETED--> PAID
 *     PENDING --PAYMENT_FAILED-----> PAYMENT_FAILED
 */
#ifndef ECOM_ORDER_H
#define ECOM_ORDER_H

#include "event.h"
#include "shop.h"
#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ecom_order_status {
    ECOM_ORDER_PENDING = 0,
    ECOM_ORDER_PAID = 1,
    ECOM_ORDER_PAYMENT_FAILED = 2
} ecom_order_status;

/** "PENDING"; NULL for what is no status. */
ECOM_API const char *ecom_order_status_name(int32_t status);

/** An order, as stored; callers see it without the last three. */
typedef struct ecom_order {
    ecom_str id;
    ecom_str user_id;
    int64_t amount; /**< minor units */
    ecom_str currency;
    int32_t status;          /**< ecom_order_status */
    ecom_str payment_id;     /**< p NULL while PENDING */
    ecom_str failure_reason; /**< of PAYMENT_FAILED, for people; else p NULL */
    int64_t created_at, updated_at;
    ecom_str payment_event_id;                  /**< private: the event that moved it on */
    ecom_str idempotency_key, idempotency_body; /**< private: hashes */
} ecom_order;
ECOM_API extern const ecom_record ecom_order_record;

/** `POST /orders` {amount, userId?, currency?}. Start from ecom_record_init() when you fill it in
 *  C. */
typedef struct ecom_order_request {
    int64_t amount;    /**< 1 to ECOM_AMOUNT_MAX */
    ecom_str user_id;  /**< p NULL: the caller; another than the caller is forbidden */
    ecom_str currency; /**< "USD" unless said */
} ecom_order_request;
ECOM_API extern const ecom_record ecom_order_request_record;

/** `GET /orders?first=&after=&status=&ids=&userId=`. Start from ecom_record_init(). */
typedef struct ecom_order_query {
    int64_t first;    /**< 1 to 100; 20 unless said */
    ecom_str after;   /**< a cursor; empty: from the newest */
    int32_t status;   /**< ecom_order_status; ECOM_ABSENT32: any */
    ecom_str ids;     /**< "a,b,c": these and no others; the rest of the query does not count */
    ecom_str user_id; /**< p NULL: the caller; another than the caller is forbidden */
} ecom_order_query;
ECOM_API extern const ecom_record ecom_order_query_record;

/** {items, nextCursor}. */
typedef struct ecom_order_page {
    ecom_list items;      /**< of ecom_order */
    ecom_str next_cursor; /**< p NULL: that was all */
} ecom_order_page;
ECOM_API extern const ecom_record ecom_order_page_record;

/** `GET /orders/pages?userIds=&first=&after=&status=`. Start from ecom_record_init(). */
typedef struct ecom_order_pages_query {
    ecom_str user_ids; /**< "a,b,c" */
    int64_t first;     /**< of each user: 1 to 100; 20 unless said */
    ecom_str after;    /**< a cursor; empty: from the newest */
    int32_t status;    /**< ecom_order_status; ECOM_ABSENT32: any */
} ecom_order_pages_query;
ECOM_API extern const ecom_record ecom_order_pages_query_record;

/** {userId, items, nextCursor}. */
typedef struct ecom_user_orders {
    ecom_str user_id;
    ecom_list items;      /**< of ecom_order */
    ecom_str next_cursor; /**< p NULL: that was all */
} ecom_user_orders;
ECOM_API extern const ecom_record ecom_user_orders_record;

/** {items}. */
typedef struct ecom_order_pages {
    ecom_list items; /**< of ecom_user_orders */
} ecom_order_pages;
ECOM_API extern const ecom_record ecom_order_pages_record;

/** The orders of one store. May be used from any thread. */
typedef struct ecom_orders ecom_orders;

/** What is pointed to must outlive the object. */
typedef struct ecom_orders_options {
    uint32_t size;
    ecom_store *store;
    const ecom_env *env; /**< NULL: ecom_env_system() */
    const ecom_log *log; /**< nullable */
    ecom_str topic;      /**< of ORDER_CREATED; copied; empty: the contract's */
} ecom_orders_options;

/** @return ECOM_E_INVAL: no store, or a bad topic; ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_orders_new(const ecom_orders_options *opts, ecom_orders **out,
                                           ecom_error *err);
/** NULL is fine. Waits for nobody: let no call be in progress. */
ECOM_API void ecom_orders_free(ecom_orders *orders);

/**
 * Accepts an order of the caller, and leaves its ORDER_CREATED event in the store, in one write.
 * @param caller    with a user_id; idempotency_key is honoured.
 * @param out       out: as it was accepted (PENDING), also when it is replayed later.
 * @param replayed  out, nullable: 1 when an earlier request with the same key made it.
 * @return ECOM_OK; ECOM_E_INVAL (the field); ECOM_E_UNAUTHENTICATED (no user_id);
 *         ECOM_E_FORBIDDEN (field `userId`); ECOM_E_UNPROCESSABLE, ECOM_E_CONFLICT (field
 *         `Idempotency-Key`, see ecom_caller); ECOM_E_UNAVAILABLE; or as ecom_store_put().
 *         ECOM_E_TIMEOUT: it may be accepted; with a key, just ask again.
 */
ECOM_API ECOM_MUST_USE int ecom_orders_create(ecom_orders *orders,
                                              const ecom_order_request *request,
                                              const ecom_caller *caller, ecom_arena *arena,
                                              ecom_order *out, int *replayed, ecom_error *err);
/** Tells what came of ecom_orders_create_later(): what ecom_orders_create() would have returned,
 * and the order, if that is ECOM_OK. As an ecom_put_fn otherwise. */
typedef void (*ecom_order_fn)(void *user, int result, const ecom_order *order, ecom_error *err);

/** As ecom_orders_create(), for who has better to do than wait, see ecom_store_put_later(). With a
 *  key it waits.
 *  @param request, caller, arena  what they point to must stay until @p fn is called.
 *  @param fn  called exactly once, if this returns ECOM_OK; may be before it returns. */
ECOM_API ECOM_MUST_USE int ecom_orders_create_later(ecom_orders *orders,
                                                    const ecom_order_request *request,
                                                    const ecom_caller *caller, ecom_arena *arena,
                                                    ecom_order_fn fn, void *user, ecom_error *err);
/** The same, for an event loop: ECOM_WOULD_WAIT where it would have to wait.   Since: 0.1 */
ECOM_API ECOM_MUST_USE int ecom_orders_try_create_later(ecom_orders *orders,
                                                        const ecom_order_request *request,
                                                        const ecom_caller *caller,
                                                        ecom_arena *arena, ecom_order_fn fn,
                                                        void *user, ecom_error *err);
/** An order of @p user_id. @return ECOM_E_NOTFOUND: no such order, or another user's: nobody learns
 *  which. */
ECOM_API ECOM_MUST_USE int ecom_orders_get(ecom_orders *orders, ecom_str user_id, ecom_str id,
                                           ecom_arena *arena, ecom_order *out, ecom_error *err);
/** Those of these orders that @p user_id has, in the order of the ids.
 *  @param n  at most 100; one more: ECOM_E_INVAL (field `ids`).
 *  @param out  out: in the arena.  @param found  out: how many. */
ECOM_API ECOM_MUST_USE int ecom_orders_get_many(ecom_orders *orders, ecom_str user_id,
                                                const ecom_str *ids, size_t n, ecom_arena *arena,
                                                ecom_order **out, size_t *found, ecom_error *err);
/** The orders of @p user_id, newest first. @param query  nullable: the first page of all.
 *  @return ECOM_E_INVAL (field `first`, `after`, `status` or `ids`); ECOM_E_FORBIDDEN (field
 *          `userId`); or as ecom_store_find(). */
ECOM_API ECOM_MUST_USE int ecom_orders_list(ecom_orders *orders, ecom_str user_id,
                                            const ecom_order_query *query, ecom_arena *arena,
                                            ecom_order_page *out, ecom_error *err);
/** A page for each of these users whose orders @p user_id may see, which is himself; the others are
 *  left out. @return ECOM_E_INVAL (field `first`, `after`, `status` or `userIds`: an empty id, more
 *  than 100); or as ecom_store_find(). */
ECOM_API ECOM_MUST_USE int ecom_orders_list_pages(ecom_orders *orders, ecom_str user_id,
                                                  const ecom_order_pages_query *query,
                                                  ecom_arena *arena, ecom_order_pages *out,
                                                  ecom_error *err);
/**
 * Moves an order on by what became of its payment. Idempotent: the same event again, or another
 * that says the same of the same payment, changes nothing and is ECOM_OK.
 * @param contract  of PAYMENT_COMPLETED or PAYMENT_FAILED.
 * @param event     its struct.
 * @param changed   out, nullable: 1 when this call moved the order.
 * @return ECOM_OK; ECOM_E_NOTFOUND: no such order (it is always stored before its events exist, so
 *         the message is bad); ECOM_E_UNPROCESSABLE (field `amount`, `currency`, `userId`: not
 *         those of the order; `type`, `paymentId`: another end than the one it has); ECOM_E_INVAL:
 *         another contract; ECOM_E_CONFLICT, ECOM_E_TIMEOUT...: apply it again.
 */
ECOM_API ECOM_MUST_USE int ecom_orders_apply(ecom_orders *orders, const ecom_contract *contract,
                                             const void *event, ecom_arena *arena, ecom_order *out,
                                             int *changed, ecom_error *err);
/** ecom_orders_apply() as an ecom_handler. @param orders  the ecom_orders. */
ECOM_API ECOM_MUST_USE int ecom_orders_on_payment(void *orders, const ecom_delivery *delivery,
                                                  ecom_error *err);

#ifdef __cplusplus
}
#endif
#endif
