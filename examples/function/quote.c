/* A function for AWS Lambda: {"grams": 2500} is answered with {"price": 7.9}. See the Makefile. */
#include <ecom/lambda.h>
#include <stdio.h>
#include <stdlib.h>

struct parcel {
    int64_t grams, price;
};

static const ecom_field in[] = {
    ECOM_FIELD(struct parcel, grams, "grams", INT, .flags = ECOM_REQUIRED, .min = 1, .max = 30000),
};
static const ecom_field out[] = {ECOM_FIELD(struct parcel, price, "price", MONEY)};
static const ecom_record parcel_record = ECOM_RECORD("Parcel", struct parcel, in);
static const ecom_record quote_record = ECOM_RECORD("Quote", struct parcel, out);

static int quote(void *user, ecom_str event, const ecom_lambda_context *context, ecom_buf *result,
                 ecom_error *err)
{
    struct parcel parcel;
    int r = ecom_record_read(&parcel_record, event, NULL, context->arena, &parcel, err);

    (void)user;
    if (r < 0)
        return r; /* {"errorType":"INVAL","errorMessage":"grams: is required",...} */
    parcel.price = 490 + (parcel.grams - 1) / 1000 * 150;
    return ecom_record_write(&quote_record, &parcel, ECOM_VIEW_PUBLIC, result);
}

int main(void)
{
    const ecom_lambda_options opts = {
        .size = sizeof(opts), .api = getenv("AWS_LAMBDA_RUNTIME_API"), .handle = quote};
    ecom_lambda *lambda = NULL;
    ecom_error e;
    int r = ecom_lambda_new(&opts, &lambda, &e);

    if (r == ECOM_OK)
        r = ecom_lambda_run(lambda, &e);
    if (r < 0)
        fprintf(stderr, "quote: %s\n", e.text);
    ecom_lambda_free(lambda);
    return r < 0;
}
