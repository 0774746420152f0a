/* For whom a proxy speaks: the `X-Forwarded-For` header, as far as it can be believed. */
#ifndef ECOM_HTTP_FORWARDED_H
#define ECOM_HTTP_FORWARDED_H

#include "ecom/http.h"

#include <netinet/in.h>

enum { ADDRESS_BYTES = INET6_ADDRSTRLEN };

/* Those that are believed; IPv4 as IPv6 has it. */
struct proxies {
    struct in6_addr all[ECOM_HTTP_MAX_PROXIES];
    size_t n;
};

/* Reads addresses between commas; NULL: none. @return ECOM_E_INVAL (field `proxies`). */
int ecom__http_proxies_read(const char *list, struct proxies *out, ecom_error *err);
int ecom__http_is_proxy(const struct proxies *proxies, const char *address);
/* Each proxy adds behind the others whom it got the request from: goes from the last one back, as
 * long as that is a proxy, too. Nothing changes where there is no address. */
void ecom__http_forwarded(const struct proxies *proxies, ecom_str header, char peer[ADDRESS_BYTES]);

#endif
