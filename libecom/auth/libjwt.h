#ifndef ECOM_AUTH_LIBJWT_H
#define ECOM_AUTH_LIBJWT_H

#include "ecom/base.h"

/* The one place where libjwt is spoken, in what its versions 1.10 to 1.17 have in common. It is
 * the second to check HS256 signatures, and nothing else: what a header or a claim may be is
 * decided in jwt.c, which also makes tokens. */

/* Is the signature that of HS256 with this secret? @return ECOM_OK; ECOM_E_UNAUTHENTICATED;
 * ECOM_E_NOMEM. */
int ecom__libjwt_check(const char *token, ecom_str secret);

#endif
