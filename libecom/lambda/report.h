/* Errors as the Runtime API and its readers want them. */
#ifndef ECOM_LAMBDA_REPORT_H
#define ECOM_LAMBDA_REPORT_H

#include "ecom/base.h"

/* Appends {"errorType", "errorMessage"} and, for the API, an empty "stackTrace". */
int ecom__lambda_report(ecom_buf *out, const char *type, const char *text, int stack);

#endif
