/* UTF-8, checked as it comes. */
#ifndef ECOM_HTTP_UTF8_H
#define ECOM_HTTP_UTF8_H

#include "ecom/base.h"

/* Zeroed at the beginning. At the end, `need` is 0 unless a character was cut. */
struct utf8 {
    uint8_t need;      /* bytes of the character to come */
    uint8_t low, high; /* what the next of them may be */
};

/* @return 0; -1: no text in UTF-8 begins like this. */
int ecom__http_utf8_feed(struct utf8 *u, ecom_str bytes);

#endif
