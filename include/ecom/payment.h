/** @file
 * Payments: exactly one for each order, whatever is delivered twice or dies in between.
 *
 * A payment's document has the order's id, so there is one. It is written as STARTED before the
 * provider is asked, unless the provider says that this is for nothing, and as COMPLETED or FAILED,
 * together with the event that says so, after. Who dies in between is taken up again when
 * ORDER_CREATED is delivered again: the provider is asked once more with the same idempotency key,
 * and so charges once.
 */
#ifndef ECOM_PAYMENT_H
#define ECOM_PAYMENT_H

#include "event.h"
#include "shop.h"
#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a provider is asked for. Borrowed for the call. */
typedef struct ecom_charge {
    uint32_t size;
    ecom_str idempotency_key; /**< the order's id: the same key never charges twice */
    ecom_str order_id, user_id;
    int64_t amount; /**< minor units */
    ecom_str currency;
    ecom_str correlation_id;
} ecom_charge;

/** What it answers. Starts zeroed. */
typedef struct ecom_charge_result {
    int32_t approved;   /**< 1: the money is taken; 0: it never will be */
    char reference[65]; /**< the provider's own name for it; may be empty */
    char reason[201];   /**< why not, one line for people */
} ecom_charge_result;

/** A payment provider: fill in one static const table. */
typedef struct ecom_payment_provider {
    uint32_t size;
    const char *name; /**< "simulated": 1 to 32 bytes; static */
    /** Charges once for each idempotency key, however often it is asked, and answers the same each
     *  time. May block; called from several threads.
     *  @return ECOM_OK: it decided, see @p out; a refusal is an answer, too. Any error: it is not
     *          known whether it charged, and it will be asked again. */
    int (*charge)(void *self, const ecom_charge *charge, ecom_charge_result *out, ecom_error *err);
    /** Frees `self`; nullable. Called exactly once, last. */
    void (*close)(void *self);
    int32_t write_once; /**< 1: charge() moves no money and goes by what it is asked alone: then
                           there is nothing to remember before it, and no STARTED is written */
} ecom_payment_provider;

/** The bundled provider: moves no money, and decides by the amount alone, so that it answers the
 *  same for the same key without a memory. It declines amounts whose minor units end in 13 (19.13),
 *  and what its options say. */
ECOM_API extern const ecom_payment_provider ecom_simulated_provider;

typedef struct ecom_simulated_options {
    uint32_t size;
    int32_t decline_all;   /**< 1: every charge */
    int64_t decline_above; /**< minor units: each above it; 0: none */
    int32_t approve_13;    /**< 1: without the rule of 13 */
} ecom_simulated_options;

/** Makes the `self` of ecom_simulated_provider. @param opts  nullable. @return ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_simulated_new(const ecom_simulated_options *opts, void **self,
                                              ecom_error *err);

typedef enum ecom_payment_status {
    ECOM_PAYMENT_STARTED = 0,
    ECOM_PAYMENT_COMPLETED = 1,
    ECOM_PAYMENT_FAILED = 2
} ecom_payment_status;

/** "STARTED"; NULL for what is no status. */
ECOM_API const char *ecom_payment_status_name(int32_t status);

/** A payment, as stored; callers see it without the last three. */
typedef struct ecom_payment {
    ecom_str id; /**< the order's */
    ecom_str order_id, user_id;
    int64_t amount; /**< minor units */
    ecom_str currency;
    int32_t status;     /**< ecom_payment_status */
    ecom_str provider;  /**< its name */
    ecom_str reference; /**< the provider's; p NULL: none */
    ecom_str reason;    /**< of FAILED; else p NULL */
    int64_t created_at, updated_at;
    ecom_str event_id; /**< private: of the event that tells the end; p NULL before it */
    ecom_str correlation_id, traceparent; /**< private: of the order's event, for that one */
} ecom_payment;
ECOM_API extern const ecom_record ecom_payment_record;

/** The payments of one store. May be used from any thread. */
typedef struct ecom_payments ecom_payments;

/** What is pointed to must outlive the object; but `self` is the object's from then on. */
typedef struct ecom_payments_options {
    uint32_t size;
    ecom_store *store;
    const ecom_env *env; /**< NULL: ecom_env_system() */
    const ecom_log *log; /**< nullable */
    ecom_str topic;      /**< of the events that tell the end; copied; empty: the contract's */
    const ecom_payment_provider *provider;
    void *self; /**< the provider's; closed by ecom_payments_free() */
} ecom_payments_options;

/** @return ECOM_E_INVAL: no store, no provider, a bad topic; ECOM_E_NOMEM. On failure `self` is
 *          still yours. */
ECOM_API ECOM_MUST_USE int ecom_payments_new(const ecom_payments_options *opts, ecom_payments **out,
                                             ecom_error *err);
/** Closes the provider, too. NULL is fine. Waits for nobody: let no call be in progress. */
ECOM_API void ecom_payments_free(ecom_payments *payments);

/** How a payment ended, and the event that says so. In the arena. */
typedef struct ecom_payment_result {
    ecom_payment payment;
    /** ecom_payment_completed_contract or ecom_payment_failed_contract. */
    const ecom_contract *contract;
    /** Its struct. Its id is made of the order's id and the end: the same for each delivery, also
     * to a process that has lost its store. */
    const void *event;
    int32_t repeated; /**< 1: it had ended before this call */
} ecom_payment_result;

/**
 * Takes the money for an order, once. The event of the result waits in the store to be published
 * (<ecom/outbox.h>); it is handed out as well for those who pass it on themselves.
 * @return ECOM_OK: it ended, one way or the other. ECOM_E_UNPROCESSABLE (field `amount`,
 *         `currency`, `userId`): another payment of this order was begun. ECOM_E_INVAL (the event's
 *         field). Codes for which ecom_code_of() says retry: handle it again; what the provider
 *         returned is among these, ECOM_E_BACKEND if it was no such code.
 */
ECOM_API ECOM_MUST_USE int ecom_payments_handle(ecom_payments *payments,
                                                const ecom_order_created *event, ecom_arena *arena,
                                                ecom_payment_result *out, ecom_error *err);
/** ecom_payments_handle() as an ecom_handler for ORDER_CREATED.
 *  @param payments  the ecom_payments. */
ECOM_API ECOM_MUST_USE int ecom_payments_on_order(void *payments, const ecom_delivery *delivery,
                                                  ecom_error *err);
/** The payment of an order. @return ECOM_E_NOTFOUND. */
ECOM_API ECOM_MUST_USE int ecom_payments_get(ecom_payments *payments, ecom_str order_id,
                                             ecom_arena *arena, ecom_payment *out, ecom_error *err);

#ifdef __cplusplus
}
#endif
#endif
