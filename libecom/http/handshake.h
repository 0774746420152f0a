/* The handshake of a WebSocket (RFC 6455 4.2). */
#ifndef ECOM_HTTP_HANDSHAKE_H
#define ECOM_HTTP_HANDSHAKE_H

#include "ecom/stream.h"
#include "http/exchange.h"

enum { HANDSHAKE_ACCEPT = 28 };

/* Checks a request. @param accept  out: the value of Sec-WebSocket-Accept.
 * @param protocol  out: what is agreed on; NULL: nothing.
 * @return 0; -1: refused. */
int ecom__http_handshake(struct ecom_exchange *x, const ecom_websocket_options *opts,
                         char accept[HANDSHAKE_ACCEPT + 1], const char **protocol,
                         struct refusal *why);

#endif
