/* Checks of what callers hand in, the same for the store and the bus. Texts name the
 * limit and what was found, never the value itself. */
#ifndef ECOM_BASE_LIMITS_H
#define ECOM_BASE_LIMITS_H

#include "ecom/bus.h"

/* min to max bytes, any. ECOM_E_INVAL when too few, ECOM_E_TOOLARGE when too many. */
int ecom__check_bytes(const char *field, ecom_str s, size_t min, size_t max, ecom_error *err);
/* 1 to max bytes of [A-Za-z0-9_.-]. */
int ecom__check_name(const char *field, ecom_str s, size_t max, ecom_error *err);
/* 1 to max bytes of printable ASCII without space. */
int ecom__check_id(const char *field, ecom_str s, size_t max, ecom_error *err);
/* At most max of something, the first of which is at `first`. */
int ecom__check_count(const char *field, size_t n, size_t max, const void *first, ecom_error *err);
/* A message as <ecom/bus.h> allows it, its id not looked at. */
int ecom__check_msg(const ecom_msg *msg, ecom_error *err);

/* Puts `list[i].` before the field of a failure, and returns its code. Only then: paths cost more
 * than the checks. */
int ecom__fail_within(const char *list, size_t i, int code, ecom_error *err);

#endif
