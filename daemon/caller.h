/* Who calls, from an HTTP request, as the domain wants to know it. */
#ifndef DAEMON_CALLER_H
#define DAEMON_CALLER_H

#include <ecom/http.h>
#include <ecom/shop.h>

static inline ecom_caller caller_of(ecom_exchange *x)
{
    const ecom_claims *claims = ecom_exchange_claims(x);

    return (ecom_caller){
        .size = sizeof(ecom_caller),
        .user_id = claims ? claims->sub : (ecom_str){NULL, 0},
        .address = ecom_exchange_peer(x),
        .correlation_id = ecom_exchange_correlation_id(x),
        .traceparent = ecom_exchange_traceparent(x),
        .idempotency_key = ecom_exchange_header(x, "idempotency-key"),
    };
}

#endif
