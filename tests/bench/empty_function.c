/* The function whose runtime is measured: it does nothing. */
#include <ecom/lambda.h>
#include <stdlib.h>

static int handle(void *user, ecom_str event, const ecom_lambda_context *context, ecom_buf *result,
                  ecom_error *err)
{
    (void)user, (void)event, (void)context, (void)result, (void)err;
    return ECOM_OK;
}

int main(void)
{
    const ecom_lambda_options opts = {
        .size = sizeof(opts), .api = getenv("AWS_LAMBDA_RUNTIME_API"), .handle = handle};
    ecom_lambda *lambda = NULL;
    ecom_error e;

    return ecom_lambda_new(&opts, &lambda, &e) < 0 || ecom_lambda_run(lambda, &e) < 0;
}
