/* Decimal numbers as JSON writes them, read exactly: no floating point on the way. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include "ecom/base.h"

enum ecom__decimal {
    ECOM__DECIMAL_OK,
    ECOM__DECIMAL_SYNTAX, /* not a JSON number */
    ECOM__DECIMAL_PLACES, /* more places than asked for */
    ECOM__DECIMAL_RANGE   /* more than 64 bits */
};

/* The value times ten to the number of places: "1.5e1" with two places is 1500. */
enum ecom__decimal ecom__decimal_parse(ecom_str text, int places, int64_t *out);

#endif
