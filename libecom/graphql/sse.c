#include "ecom/subscribe.h"

/* What could end a line is not said on. */
static int is_line(ecom_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20)
            return 0;
    return s.p != NULL;
}

/* A response is JSON without line ends, so one line of data holds it. */
int ecom_graphql_sse_write(ecom_buf *out, ecom_str response, ecom_str id)
{
    size_t start = out->n;
    int r = ecom_buf_append(out, ecom_str_of(response.p ? "event: next\n" : "event: complete\n"));

    if (r == ECOM_OK && is_line(id))
        r = ecom_buf_printf(out, "id: %.*s\n", (int)id.n, id.p);
    if (r == ECOM_OK)
        r = ecom_buf_append(out, ecom_str_of(response.p ? "data: " : "data:"));
    if (r == ECOM_OK)
        r = ecom_buf_append(out, response);
    if (r == ECOM_OK)
        r = ecom_buf_append(out, ecom_str_of("\n\n"));
    if (r < 0)
        out->n = start;
    return r;
}
