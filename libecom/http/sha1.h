/* SHA-1 (RFC 3174), for the one thing that still asks for it: a WebSocket's handshake. */
#ifndef ECOM_HTTP_SHA1_H
#define ECOM_HTTP_SHA1_H

#include "ecom/base.h"

enum { SHA1_BYTES = 20, SHA1_MAX = 119 };

/* @param text  at most SHA1_MAX bytes. */
void ecom__http_sha1(ecom_str text, uint8_t out[SHA1_BYTES]);

#endif
