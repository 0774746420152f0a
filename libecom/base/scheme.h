/* Which backend opens a URL. The built-in schemes, `memory` and `sqlite`, are opened by the store
 * and the bus themselves; this knows all the others. */
#ifndef ECOM_BASE_SCHEME_H
#define ECOM_BASE_SCHEME_H

#include "ecom/backend.h"

/* What is behind "NAME:", or NULL when the URL is of another scheme. */
const char *ecom__scheme_rest(const char *url, const char *name);

/* The scheme of a URL: registered, or loaded from its library now. Never logs or repeats the URL,
 * which may carry a password. ECOM_E_INVAL: not a URL; ECOM_E_NOTSUP: nothing opens it. */
int ecom__scheme_find(const char *url, const ecom_scheme **out, ecom_error *err);

#endif
