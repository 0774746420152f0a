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

/* Makes the message for `<topic>.dlq`: the original's key, body and headers, and the x-dlq-* ones.
 * It always keeps the limits of the bus: what a foreign producer sent beyond them is cut, and
 * x-dlq-cut says so (the whole is at its offset still).
 * @param slim   1: without body and headers of the original; for a bus that refused the whole.
 * @param arena  holds what @p out points to, beside what it shares with @p msg.
 * @return ECOM_E_NOMEM. */
int ecom__dead_letter_make(const ecom_msg *msg, const ecom__dead_reason *reason, int slim,
                           ecom_arena *arena, ecom_msg *out, ecom_error *err);
/* Makes it and publishes it durably; the slim one when the bus refuses the whole. */
int ecom__dead_letter_publish(ecom_bus *bus, const ecom_msg *msg, const ecom__dead_reason *reason,
                              ecom_arena *arena, ecom_error *err);

#endif
