/* What triggered a function, as a list of messages. */
#ifndef ECOM_LAMBDA_SOURCE_H
#define ECOM_LAMBDA_SOURCE_H

#include "ecom/event.h"

enum { SOURCE_MAX_ITEMS = 10000, SOURCE_MAX_ARRAY = 1000 };

enum source_kind { SOURCE_EVENT, SOURCE_EVENTS, SOURCE_KAFKA, SOURCE_SQS, SOURCE_SNS };

/* One message. Kafka's has partition and offset. */
struct source_item {
    ecom_msg msg;
    ecom_str id;      /* of SQS and SNS: the message's */
    uint32_t attempt; /* 1, or how often SQS says that it came */
    ecom_error *why;  /* it could not be read; NULL: it could */
};

struct source {
    enum source_kind kind;
    struct source_item *items;
    size_t n;
};

/* Reads the event of an invocation. What is wrong with one message is its own; what is wrong with
 * the whole is an error. All lies in the arena, but for slices of @p event.
 * @return ECOM_E_INVAL; ECOM_E_TOOLARGE; ECOM_E_NOMEM. */
int ecom__lambda_source_read(ecom_str event, ecom_arena *arena, struct source *out,
                             ecom_error *err);

#endif
