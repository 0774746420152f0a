/* W3C Trace Context, level 1: the `traceparent` header. */
#ifndef ECOM_HTTP_TRACE_H
#define ECOM_HTTP_TRACE_H

#include "ecom/env.h"

enum { TRACE_BYTES = 55 };

/* Writes a traceparent with a new span: of the trace that @p parent is part of, or, where that is
 * not valid, of a new one. */
void ecom__http_trace_child(ecom_str parent, const ecom_env *env, char out[TRACE_BYTES + 1]);

#endif
