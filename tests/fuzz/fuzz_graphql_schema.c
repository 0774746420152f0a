#include <stdint.h>
#include <stdlib.h>

#include "ecom/graphql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What is taken prints as a schema that is taken, and prints the same again; what is refused says
 * why. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_graphql *g = NULL;
    ecom_buf problems = {0}, first = {0}, second = {0};
    ecom_error e = {0};

    options.sdl = (ecom_str){(const char *)data, n};
    if (ecom_graphql_new(&options, &g, &problems, &e) < 0) {
        if (!e.text[0] || !problems.n)
            abort();
    } else {
        if (ecom_graphql_print(g, &first) < 0)
            abort();
        ecom_graphql_free(g);
        options.sdl = ecom_buf_str(&first);
        if (ecom_graphql_new(&options, &g, NULL, &e) < 0 || ecom_graphql_print(g, &second) < 0 ||
            !ecom_str_eq(ecom_buf_str(&first), ecom_buf_str(&second)))
            abort();
        ecom_graphql_free(g);
    }
    ecom_buf_free(&problems);
    ecom_buf_free(&first);
    ecom_buf_free(&second);
    return 0;
}
