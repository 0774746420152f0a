/** @file
 * Everything a caller of libecom needs. Not here: <ecom/backend.h> for authors of transports,
 * <ecom/testing.h> for their tests, and what are libraries of their own: <ecom/http.h>,
 * <ecom/stream.h>, <ecom/graphql.h>, <ecom/subscribe.h>, <ecom/lambda.h>, <ecom/aws.h>,
 * <ecom/kafka.h> and <ecom/mongodb.h>.
 *
 * What holds in all of these headers where a comment does not say otherwise:
 *
 * - What can fail returns ECOM_OK or one of the negative codes of <ecom/base.h>; ECOM_E_NOMEM is
 *   among them, listed or not. `err` may be NULL. Outputs are written on success only.
 * - What is handed in is borrowed for the call. A `user` pointer is handed on and never looked at.
 * - A struct of options begins with its `size`: sizeof as you compiled it, so that later versions
 *   can add to its end. Zero means the default. What options point to must outlive the object.
 * - What ends an object (`_free`, `_close`, `_unref`) takes NULL, and is the last call on it.
 * - A call may come from any thread; which objects are for one at a time is said where they are
 *   declared. Calls on a store, a bus or the shop block: never make them on an event loop.
 * - Since: 0.1.
 */
#ifndef ECOM_ECOM_H
#define ECOM_ECOM_H

#include "auth.h"
#include "base.h"
#include "bus.h"
#include "config.h"
#include "consumer.h"
#include "env.h"
#include "event.h"
#include "json.h"
#include "log.h"
#include "metrics.h"
#include "notification.h"
#include "order.h"
#include "outbox.h"
#include "payment.h"
#include "product.h"
#include "record.h"
#include "shop.h"
#include "store.h"
#include "user.h"

#endif
