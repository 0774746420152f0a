/* Names of functions and of places. */
#ifndef ECOM_AWS_NAME_H
#define ECOM_AWS_NAME_H

#include "ecom/base.h"

enum { AWS_MAX_FUNCTION = 340, AWS_MAX_REGION = 32, AWS_MAX_HOST = 255 };

/* A function's name taken apart; slices of it. */
struct aws_function {
    ecom_str name;      /* without the qualifier; a partial or full ARN as it is */
    ecom_str qualifier; /* "$LATEST", a version, an alias; p NULL: none */
    ecom_str region;    /* of a full ARN; p NULL: none */
};

/* @return ECOM_E_INVAL (field `function`). */
int ecom__aws_function_parse(const char *text, struct aws_function *out, ecom_error *err);
/* Truth: letters, digits and hyphens, 1 to 32. */
int ecom__aws_region_valid(ecom_str region);

/* A base URL taken apart: what requests are made of. */
struct aws_endpoint {
    char base[AWS_MAX_HOST + 16]; /* "https://lambda.eu-central-1.amazonaws.com" */
    const char *host;             /* within base: as the Host header has it */
};

/* Reads "http://host:port", without a path. @return ECOM_E_INVAL (field `endpoint`). */
int ecom__aws_endpoint_parse(const char *text, struct aws_endpoint *out, ecom_error *err);
/* AWS's own for a region. */
void ecom__aws_endpoint_of(ecom_str region, struct aws_endpoint *out);

/* Appends a text with all but unreserved characters percent-encoded, as signatures want it. */
int ecom__aws_encode(ecom_buf *out, ecom_str text);

#endif
