/* What AWS Lambda answers to an invocation. */
#ifndef ECOM_AWS_ANSWER_H
#define ECOM_AWS_ANSWER_H

#include "aws/wire.h"
#include "ecom/aws.h"

/* What an answer means, before it is known whether to try again. */
struct aws_verdict {
    int code;        /* as ecom_aws_invoke() returns it */
    int again;       /* it may go better */
    int spoilt;      /* the credentials have ended */
    int32_t wait_ms; /* at least, as Retry-After has it; 0: it did not say */
};

/* Reads a response; @p out is written with ECOM_OK and ECOM_E_BACKEND. All in the arena.
 * @return the verdict's code. */
int ecom__aws_answer_read(const struct aws_response *response, int mode, ecom_arena *arena,
                          ecom_aws_answer *out, struct aws_verdict *verdict, ecom_error *err);

#endif
