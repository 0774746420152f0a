#include "ecom/event.h"

/* Ids are the producer's own: ours are UUIDs, another system's need not be. */
#define ID_FIELD(type_, member_, name_, doc_)                                               \
    ECOM_FIELD(type_, member_, name_, STRING, .flags = ECOM_REQUIRED, .min = 1, .max = 128, \
               .doc = (doc_))

#define ORDER_FIELDS(type_)                                                                  \
    ID_FIELD(type_, order_id, "orderId", "The order; messages of one order stay in order."), \
        ID_FIELD(type_, user_id, "userId", "Who ordered."),                                  \
        ECOM_FIELD(type_, amount, "amount", MONEY, .flags = ECOM_REQUIRED, .min = 1,         \
                   .doc = "What the order costs, with at most two decimal places."),         \
        ECOM_FIELD(type_, currency, "currency", CURRENCY, .flags = ECOM_REQUIRED,            \
                   .doc = "ISO 4217.")

static const ecom_field order_created_fields[] = {
    ECOM_ENVELOPE_FIELDS(ecom_order_created),
    ORDER_FIELDS(ecom_order_created),
};
static const ecom_record order_created = ECOM_RECORD_WITH(
    "OrderCreated", ecom_order_created, order_created_fields, .doc = "An order was accepted.");

static const ecom_field payment_completed_fields[] = {
    ECOM_ENVELOPE_FIELDS(ecom_payment_completed),
    ORDER_FIELDS(ecom_payment_completed),
    ID_FIELD(ecom_payment_completed, payment_id, "paymentId", "The payment."),
};
static const ecom_record payment_completed =
    ECOM_RECORD_WITH("PaymentCompleted", ecom_payment_completed, payment_completed_fields,
                     .doc = "The money for an order was taken.");

static const ecom_field payment_failed_fields[] = {
    ECOM_ENVELOPE_FIELDS(ecom_payment_failed),
    ORDER_FIELDS(ecom_payment_failed),
    ID_FIELD(ecom_payment_failed, payment_id, "paymentId", "The payment that was tried."),
    ECOM_FIELD(ecom_payment_failed, reason, "reason", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = 500, .doc = "Why, for people."),
};
static const ecom_record payment_failed =
    ECOM_RECORD_WITH("PaymentFailed", ecom_payment_failed, payment_failed_fields,
                     .doc = "The money for an order could not be taken.");

const ecom_contract ecom_order_created_contract = {
    .type = "ORDER_CREATED",
    .topic = "order-events",
    .key = "orderId",
    .record = &order_created,
};
const ecom_contract ecom_payment_completed_contract = {
    .type = "PAYMENT_COMPLETED",
    .topic = "payment-events",
    .key = "orderId",
    .record = &payment_completed,
};
const ecom_contract ecom_payment_failed_contract = {
    .type = "PAYMENT_FAILED",
    .topic = "payment-events",
    .key = "orderId",
    .record = &payment_failed,
};

const ecom_contract *const ecom_shop_contracts[] = {
    &ecom_order_created_contract,
    &ecom_payment_completed_contract,
    &ecom_payment_failed_contract,
    NULL,
};
