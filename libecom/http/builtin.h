/* Routes that every server has. */
#ifndef ECOM_HTTP_BUILTIN_H
#define ECOM_HTTP_BUILTIN_H

#include "ecom/http.h"

/* GET /healthz, /readyz, /openapi.json and, with metrics, /metrics. */
const ecom_route *ecom__http_builtin_routes(const ecom_http_options *opts, size_t *n);

#endif
