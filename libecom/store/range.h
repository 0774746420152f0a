/* Where a find begins and ends, in a form that every ordered backend can seek to. */
#ifndef ECOM_STORE_RANGE_H
#define ECOM_STORE_RANGE_H

#include "ecom/store.h"

/* By index: rows above (value, id) up to `last`; descending: rows below it down to `last`.
 * By id, where `value` is empty: rows from `id` on, itself too, up to `last`; descending: rows
 * below `id` down to `last`. `last` itself is in. Never empty when it is an upper end. */
typedef struct ecom__range {
    ecom_str value, id, last;
    char bytes[ECOM_STORE_MAX_VALUE + 1]; /* of what is neither the query's nor static */
} ecom__range;

/* @param query  checked, with its bytes borrowed as long as @p range lives. */
void ecom__range_of(const ecom_query *query, ecom__range *range);

#endif
