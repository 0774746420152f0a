/** @file
 * Everything a caller of libecom needs. Not here: <ecom/backend.h> for authors of transports,
 * <ecom/testing.h> for their tests, <ecom/http.h> and <ecom/graphql.h>, which are libraries of
 * their own.
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
