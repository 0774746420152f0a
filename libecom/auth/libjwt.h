#ifndef ECOM_AUTH_LIBJWT_H
#define ECOM_AUTH_LIBJWT_H

#include "ecom/base.h"

/* The one place where libjwt is spoken, in what its versions 1.10 to 1.17 have in common. It is
 * the second to check HS256 signatures, and nothing else: what a header or a claim may be is
 * decided in jwt.c, which also makes tokens. */

/* Checks a token of which it is known that it is right: so whatever the libraries below set up when
 * they are first used is set up now. What fails then, for want of memory, they never try again.
 * @return ECOM_OK; ECOM_E_BACKEND: they do not work; ECOM_E_NOMEM. */
int ecom__libjwt_start(void);
/* Is the signature that of HS256 with this secret? @return ECOM_OK; ECOM_E_UNAUTHENTICATED;
 * ECOM_E_NOMEM. */
int ecom__libjwt_check(const char *token, ecom_str secret);

#endif
