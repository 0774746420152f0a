/** @file
 * Event contracts: what is on the bus. Each type of event is a struct that starts with an
 * ecom_envelope, a record that describes it, and an ecom_contract that ties both to a topic.
 * Threads: any; an arena is for one at a time.
 */
#ifndef ECOM_EVENT_H
#define ECOM_EVENT_H

#include "bus.h"
#include "record.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What every event starts with. */
typedef struct ecom_envelope {
    ecom_str type;           /**< "ORDER_CREATED" */
    ecom_str id;             /**< of this event: effects are idempotent by it */
    int64_t time_ms;         /**< when it happened */
    int64_t version;         /**< of the contract; 1 */
    ecom_str correlation_id; /**< of the request that began it all; also a header */
    ecom_str traceparent;    /**< W3C Trace Context; only a header; may be empty */
} ecom_envelope;

/** The envelope's lines in a table of fields; the struct's member is called `envelope`. */
#define ECOM_ENVELOPE_FIELDS(type_)                                                                \
    ECOM_FIELD(type_, envelope.type, "type", STRING, .flags = ECOM_REQUIRED, .min = 1, .max = 64), \
        ECOM_FIELD(type_, envelope.id, "id", STRING, .flags = ECOM_REQUIRED, .min = 1, .max = 128, \
                   .doc = "Of this event; effects are idempotent by it."),                         \
        ECOM_FIELD(type_, envelope.time_ms, "time", TIME, .flags = ECOM_REQUIRED),                 \
        ECOM_FIELD(type_, envelope.version, "version", INT, .min = 1, .max = 1000000,              \
                   .fallback = "1"),                                                               \
        ECOM_FIELD(type_, envelope.correlation_id, "correlationId", STRING, .max = 128)

/** One type of event. */
typedef struct ecom_contract {
    const char *type;          /**< the `type` on the wire */
    const char *topic;         /**< where it goes by default */
    const char *key;           /**< the name of the field that keys it: "orderId" */
    const ecom_record *record; /**< of a struct whose first member is the envelope */
} ecom_contract;

/** An order was accepted. Topic order-events. */
typedef struct ecom_order_created {
    ecom_envelope envelope;
    ecom_str order_id, user_id;
    int64_t amount; /**< minor units */
    ecom_str currency;
} ecom_order_created;

/** The money for an order was taken. Topic payment-events. */
typedef struct ecom_payment_completed {
    ecom_envelope envelope;
    ecom_str order_id, user_id;
    int64_t amount; /**< minor units */
    ecom_str currency;
    ecom_str payment_id;
} ecom_payment_completed;

/** The money for an order could not be taken. Topic payment-events. */
typedef struct ecom_payment_failed {
    ecom_envelope envelope;
    ecom_str order_id, user_id;
    int64_t amount; /**< minor units */
    ecom_str currency;
    ecom_str payment_id;
    ecom_str reason; /**< for people, one line */
} ecom_payment_failed;

ECOM_API extern const ecom_contract ecom_order_created_contract;
ECOM_API extern const ecom_contract ecom_payment_completed_contract;
ECOM_API extern const ecom_contract ecom_payment_failed_contract;
/** The shop's contracts, ends with NULL. */
ECOM_API extern const ecom_contract *const ecom_shop_contracts[];

/**
 * Checks an event and makes a message of it: body, key, headers `x-correlation-id`, `traceparent`
 * and `content-type`.
 * @param topic  empty: the contract's.
 * @param event  the contract's struct. envelope.type may be empty; version 0 means 1.
 * @param arena  holds what @p out points to.
 * @return ECOM_E_INVAL with the field; ECOM_E_NOMEM.
 */
ECOM_API ECOM_MUST_USE int ecom_event_encode(const ecom_contract *contract, ecom_str topic,
                                             const void *event, ecom_arena *arena, ecom_msg *out,
                                             ecom_error *err);
/**
 * Reads a message by the contract that its `type` names.
 * @param contracts  ends with NULL.
 * @param which      out: the contract found.
 * @param event      out: its struct, in the arena. An absent correlationId is taken from the
 *                   header, as traceparent is.
 * @return ECOM_E_INVAL with the field and the reason; ECOM_E_UNKNOWN_TYPE with the type in the
 *         text; ECOM_E_TOOLARGE; ECOM_E_NOMEM. Unknown members are ignored.
 */
ECOM_API ECOM_MUST_USE int ecom_event_decode(const ecom_contract *const *contracts,
                                             const ecom_msg *msg, ecom_arena *arena,
                                             const ecom_contract **which, void **event,
                                             ecom_error *err);
/** The value of a header; empty when there is none. Names are compared without case. */
ECOM_API ecom_str ecom_msg_header(const ecom_msg *msg, const char *name);
/** Appends the JSON Schema of a contract: the record's, with `type` fixed.
 *  @return as ecom_record_schema(). */
ECOM_API ECOM_MUST_USE int ecom_contract_schema(const ecom_contract *contract, ecom_buf *out);
/** Appends an AsyncAPI 3.0 document of contracts (ends with NULL).
 *  @return as ecom_record_schema(). */
ECOM_API ECOM_MUST_USE int ecom_contract_asyncapi(const ecom_contract *const *contracts,
                                                  ecom_buf *out);

#ifdef __cplusplus
}
#endif
#endif
