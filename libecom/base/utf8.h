#ifndef ECOM_BASE_UTF8_H
#define ECOM_BASE_UTF8_H

#include "ecom/base.h"

/* Takes one character off the front of a text that is not empty. Returns its code point, or -1 for
 * what no UTF-8 encoder writes (overlong forms, surrogates, past U+10FFFF, a cut sequence): then
 * one byte was taken. */
int32_t ecom__utf8_next(ecom_str *text);
/* Truth: all of it is UTF-8. */
int ecom__utf8_valid(ecom_str text);
/* Characters in a text; SIZE_MAX when it is not UTF-8. */
size_t ecom__utf8_count(ecom_str text);

#endif
