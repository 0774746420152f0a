/* AWS Signature Version 4, in the Authorization header. */
#ifndef ECOM_AWS_SIGN_H
#define ECOM_AWS_SIGN_H

#include "ecom/base.h"

enum { AWS_MAX_HEADERS = 16 };

/* Who signs. All lie in an arena. */
struct aws_credentials {
    ecom_str key_id, secret, token; /* token: empty for credentials that last */
};

/* What is signed. Path and query are as they are sent: percent-encoded, the query sorted. */
struct aws_signing {
    const char *method, *path, *query; /* query: without `?`, may be "" */
    const ecom_header *headers; /* each is signed; names in lower case, sorted; values trimmed */
    size_t nheaders;
    ecom_str body;
    ecom_str region;
    const char *service;
    char time[17]; /* as the x-amz-date header has it: "20261122T215500Z" */
};

/* The form of x-amz-date. */
void ecom__aws_time(int64_t now_ms, char out[17]);
/* Appends the value of the Authorization header. @return ECOM_E_NOMEM. */
int ecom__aws_sign(const struct aws_signing *in, const struct aws_credentials *who, ecom_buf *out);

#endif
