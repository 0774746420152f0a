/** @file
 * Notifications: tell the user what became of the payment, once for each event.
 *
 * A notification's document has the event's id, so there is one. It is written as STARTED before
 * the channel is asked to send, unless the channel says that this is for nothing, and as SENT
 * after. Who dies in between sends again when the event is delivered again: towards the channel it
 * is at least once, before the last write only.
 */
#ifndef ECOM_NOTIFICATION_H
#define ECOM_NOTIFICATION_H

#include "event.h"
#include "shop.h"
#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ecom_notification_status {
    ECOM_NOTIFICATION_STARTED = 0,
    ECOM_NOTIFICATION_SENT = 1
} ecom_notification_status;

/** "STARTED"; NULL for what is no status. */
ECOM_API const char *ecom_notification_status_name(int32_t status);

/** A notification. */
typedef struct ecom_notification {
    ecom_str id;   /**< the event's */
    ecom_str type; /**< the event's: "PAYMENT_COMPLETED" */
    ecom_str order_id, user_id;
    ecom_str text;    /**< for people: "Your payment of 19.99 USD for order ... was received." */
    int32_t status;   /**< ecom_notification_status */
    ecom_str channel; /**< its name */
    ecom_str correlation_id; /**< p NULL: none */
    int64_t created_at, updated_at;
} ecom_notification;
ECOM_API extern const ecom_record ecom_notification_record;

/** A way to reach people: fill in one static const table. */
typedef struct ecom_notification_channel {
    uint32_t size;
    const char *name; /**< "log": 1 to 32 bytes; static */
    /** Sends. May block; called from several threads. The same id may come twice: see above.
     *  @return ECOM_OK: it is on its way. A code for which ecom_code_of() says retry: again later.
     *          Any other: it never will be; the event goes to the dead letters. */
    int (*send)(void *self, const ecom_notification *notification, ecom_error *err);
    /** Frees `self`; nullable. Called exactly once, last. */
    void (*close)(void *self);
    int32_t write_once; /**< 1: send() is brief and cannot fail, so that no one would ever look for
                             what is under way: no STARTED is written */
} ecom_notification_channel;

/** The bundled channel: one info line "notification" a notification, with its correlation id. Its
 *  `self` is the `const ecom_log *` to write to, which it does not own. */
ECOM_API extern const ecom_notification_channel ecom_log_channel;

/** `GET /notifications?orderId=&first=&after=&orderIds=`, and tests. Start from
 *  ecom_record_init(). */
typedef struct ecom_notification_query {
    ecom_str order_id;  /**< this or order_ids must be there */
    int64_t first;      /**< 1 to 100; 20 unless said */
    ecom_str after;     /**< a cursor; empty: from the newest */
    ecom_str order_ids; /**< "a,b,c": the newest of each; the rest of the query does not count */
} ecom_notification_query;
ECOM_API extern const ecom_record ecom_notification_query_record;

/** {items, nextCursor}. */
typedef struct ecom_notification_page {
    ecom_list items;      /**< of ecom_notification */
    ecom_str next_cursor; /**< p NULL: that was all */
} ecom_notification_page;
ECOM_API extern const ecom_record ecom_notification_page_record;

/** The notifications of one store. May be used from any thread. */
typedef struct ecom_notifications ecom_notifications;

/** What is pointed to must outlive the object; but `self` is the object's from then on. */
typedef struct ecom_notifications_options {
    uint32_t size;
    ecom_store *store;
    const ecom_env *env; /**< NULL: ecom_env_system() */
    const ecom_log *log; /**< nullable */
    const ecom_notification_channel *channel;
    void *self; /**< the channel's; closed by ecom_notifications_free() */
} ecom_notifications_options;

/** @return ECOM_E_INVAL: no store or no channel; ECOM_E_NOMEM. On failure `self` is still yours. */
ECOM_API ECOM_MUST_USE int ecom_notifications_new(const ecom_notifications_options *opts,
                                                  ecom_notifications **out, ecom_error *err);
/** Closes the channel, too. NULL is fine. Waits for nobody: let no call be in progress. */
ECOM_API void ecom_notifications_free(ecom_notifications *notifications);

/**
 * Tells the user of an event, once.
 * @param contract  of PAYMENT_COMPLETED or PAYMENT_FAILED.
 * @param event     its struct.
 * @param repeated  out, nullable: 1 when it had been sent before this call.
 * @return ECOM_OK: it is sent. ECOM_E_INVAL: another contract, or an event id that cannot be
 *         stored. ECOM_E_UNPROCESSABLE (field `id`): another event has had this id. Or what the
 *         channel or ecom_store_put() returned.
 */
ECOM_API ECOM_MUST_USE int ecom_notifications_handle(ecom_notifications *notifications,
                                                     const ecom_contract *contract,
                                                     const void *event, ecom_arena *arena,
                                                     ecom_notification *out, int *repeated,
                                                     ecom_error *err);
/** ecom_notifications_handle() as an ecom_handler.
 *  @param notifications  the ecom_notifications. */
ECOM_API ECOM_MUST_USE int ecom_notifications_on_payment(void *notifications,
                                                         const ecom_delivery *delivery,
                                                         ecom_error *err);
/** The notifications of an order, newest first (by event id), or the newest of each of some, in the
 *  order of the ids. @return ECOM_E_INVAL (field `orderId`, `first`, `after` or `orderIds`: an
 * empty id, more than 100); or as ecom_store_find(). */
ECOM_API ECOM_MUST_USE int ecom_notifications_list(ecom_notifications *notifications,
                                                   const ecom_notification_query *query,
                                                   ecom_arena *arena, ecom_notification_page *out,
                                                   ecom_error *err);

#ifdef __cplusplus
}
#endif
#endif
