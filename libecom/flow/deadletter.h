/* Dead letters: what could not be handled, set aside with the reason. */
#ifndef FLOW_DEADLETTER_H
#define FLOW_DEADLETTER_H

#include "ecom/bus.h"

#define ECOM__DLQ_SUFFIX ".dlq"

/* Why and where from. */
typedef struct ecom__dead_reason {
    const ecom_error *why;
    ecom_str group;
    uint32_t attempts;
    int64_t now_ms;
} ecom__dead_reason;

/* Publishes the message for `<topic>.dlq` durably: the original's key, body and headers, and the
 * x-dlq-* ones. It always keeps the limits of the bus: what a foreign producer sent beyond them is
 * cut, and x-dlq-cut says so (the whole is at its offset still). Where the bus refuses the whole it
 * goes without body and headers of the original. */
int ecom__dead_letter_publish(ecom_bus *bus, const ecom_msg *msg, const ecom__dead_reason *reason,
                              ecom_arena *arena, ecom_error *err);

#endif
