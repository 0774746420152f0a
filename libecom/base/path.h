/* Where in the input something is: `items[2].quantity`. Links live on the stacks of the functions
 * that walk down, so that a path costs nothing until something is wrong. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include "ecom/base.h"

struct ecom__path {
    const struct ecom__path *up; /* NULL at the top */
    ecom_str name;               /* of a member; p NULL: an item */
    size_t index;                /* of an item */
};

/* Fails with the path as err->field and "path: " before the text. A NULL path is the whole input:
 * then the text stands alone. */
int ecom__path_fail(ecom_error *err, int code, const struct ecom__path *path, const char *fmt, ...)
    ECOM_PRINTF(4, 5);

#endif
