/* http://host:port/path?query, as a client needs it. */
#ifndef ECOM_HTTP_URL_H
#define ECOM_HTTP_URL_H

#include "ecom/base.h"

/* Slices of the text, but for the host and port, which a resolver wants with an end. */
struct url {
    char host[256], port[6]; /* without brackets */
    ecom_str authority;      /* for the Host header */
    ecom_str target;         /* path and query; may start with the `?` or be empty */
};

/* @return ECOM_E_INVAL: what is wrong, without the text itself, which may hold secrets. */
int ecom__http_url_parse(struct url *url, ecom_str text, ecom_error *err);

#endif
