/* The addresses of a host. */
#ifndef ECOM_HTTP_RESOLVE_H
#define ECOM_HTTP_RESOLVE_H

#include <netdb.h>

#include "http/link.h"

/* Numeric hosts and localhost at once, names by the system's resolver, which is left alone at the
 * deadline. @param out  for freeaddrinfo().
 * @return ECOM_E_UNAVAILABLE: no such name, or too many are being looked up; ECOM_E_TIMEOUT;
 *         ECOM_E_NOMEM. */
int ecom__http_resolve(const struct url *url, const struct deadline *deadline,
                       struct addrinfo **out, ecom_error *err);

#endif
