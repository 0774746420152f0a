/* The page to work with the gateway: its files, which are part of the executable. */
#ifndef GATEWAY_PAGE_H
#define GATEWAY_PAGE_H

#include <ecom/http.h>

/* GET /, and GET /graphql of a browser. */
int page_index(void *user, ecom_exchange *x, ecom_error *err);
/* GET /page/{file}. */
int page_file(void *user, ecom_exchange *x, ecom_error *err);
/* Truth: a GET that is no GraphQL request, of who wants text/html. */
int page_is_wanted(ecom_exchange *x);

#endif
