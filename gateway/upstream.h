/* The services behind the gateway, as one request sees them: with its token, its correlation id and
 * its trace. */
#ifndef GATEWAY_UPSTREAM_H
#define GATEWAY_UPSTREAM_H

#include <ecom/http.h>
#include <ecom/json.h>

struct upstream {
    ecom_http_client *client;
    const char *users, *products, *orders; /* base URLs */
};

/* The context of a GraphQL request. */
struct request {
    const struct upstream *upstream;
    ecom_exchange *x;
};

/* Calls a service and reads its JSON. A status of 400 and above is an error: its code, text and
 * field are those that the service gave.
 * body: empty for a GET; idempotency_key: p NULL for none. */
int upstream_call(const struct request *request, const char *method, const char *base,
                  ecom_str path, ecom_str body, ecom_str idempotency_key, const ecom_json **out,
                  ecom_error *err);

/* Appends `name=value`, percent-encoded, behind `?` or `&`. */
int upstream_add_query(ecom_buf *path, ecom_str name, ecom_str value);
/* Appends a path segment, percent-encoded. */
int upstream_add_segment(ecom_buf *path, ecom_str segment);

#endif
