/* Base64 as event source mappings write it: RFC 4648 section 4, padded. */
#ifndef ECOM_LAMBDA_BASE64_H
#define ECOM_LAMBDA_BASE64_H

#include "ecom/base.h"

/* Decodes into the arena. @return ECOM_E_INVAL: not base64, or not as an encoder writes it;
 * ECOM_E_NOMEM. */
int ecom__lambda_base64(ecom_str text, ecom_arena *arena, ecom_str *out, ecom_error *err);

#endif
