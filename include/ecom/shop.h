/** @file
 * What the shop's parts share: who calls, pages, and requests that may be sent twice. The parts are
 * <ecom/user.h>, <ecom/product.h>, <ecom/order.h>, <ecom/payment.h> and <ecom/notification.h>.
 *
 * Each part is an object over a store of its own. Its calls are straight-line, may come from any
 * thread, and block in the store only (and where they hash a password): never call them on an event
 * loop. What they hand out lies in the arena they are given. They check requests by the records
 * that are published here, so a request that a C program fills gets the same answers as one that
 * came as JSON.
 */
#ifndef ECOM_SHOP_H
#define ECOM_SHOP_H

#include "consumer.h"
#include "record.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ECOM_PAGE_DEFAULT 20 /**< items of a page when `first` is not said */
#define ECOM_PAGE_MAX 100    /**< items of a page */
#define ECOM_IDS_MAX 100     /**< ids of one get_many, or of a query's `ids` */
#define ECOM_IDS_BYTES 12900 /**< of a query's `ids`: 100 of 128 bytes, and commas */
#define ECOM_CURSOR_MAX 400  /**< bytes of a cursor */
#define ECOM_USER_ID_MAX \
    128 /**< bytes of a user's id: ours are UUIDs, another issuer's may not be */

#define ECOM_AMOUNT_MAX 100000000 /**< minor units: no price or amount is above 1,000,000.00 */

#define ECOM_KEY_MAX 255         /**< bytes of an Idempotency-Key */
#define ECOM_KEY_TTL_MS 86400000 /**< how long a key is remembered: 24 h */

/** Who calls, and in which context. Start from {.size = sizeof(ecom_caller)}; what is empty is not
 *  known. Borrowed for the call. */
typedef struct ecom_caller {
    uint32_t size;
    ecom_str user_id;        /**< the token's `sub`; empty: nobody is logged in */
    ecom_str address;        /**< the peer's, for the brake on guessing; empty: no such brake */
    ecom_str correlation_id; /**< goes into the events; at most 128 bytes */
    ecom_str traceparent;    /**< W3C Trace Context, likewise */
    /** The Idempotency-Key header; p NULL: none. 1 to 255 bytes of printable ASCII. The same key
     *  and request within 24 h, by the wall clock of `env`, give the first answer again; another
     *  request ECOM_E_UNPROCESSABLE. While the first is still being answered, ECOM_E_CONFLICT, when
     *  it is by this object; where another process on the same store has it, the unique index makes
     *  the second wait for the first one's write, and it then gives the first answer, or
     *  ECOM_E_UNPROCESSABLE: in no case is there a second one. Each user has keys of their own;
     *  callers who are not logged in share theirs. */
    ecom_str idempotency_key;
} ecom_caller;

/** A place in a list: what a page's `next_cursor` is, for any item. */
typedef struct ecom_cursor {
    char s[ECOM_CURSOR_MAX]; /**< NUL-terminated; opaque: hand it back as `after` */
} ecom_cursor;

/** The cursor behind which the items after this one come.
 *  @param id  of an item, 1 to 256 bytes. */
ECOM_API ecom_cursor ecom_cursor_of(ecom_str id);

/** Splits "a,b,c" as a query's `ids` has it. @param ids  out: in the arena.
 *  @return ECOM_E_INVAL (field `ids`: an empty id, more than 100); ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_ids_split(ecom_str text, ecom_arena *arena, ecom_str **ids,
                                          size_t *n, ecom_error *err);

#ifdef __cplusplus
}
#endif
#endif
