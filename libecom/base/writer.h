/* Texts put together piece by piece: after the first failure all else is skipped, and the failure
 * stays. Inline, as libraries beside libecom use it too. */
#ifndef BASE_WRITER_H
#define BASE_WRITER_H

#include "ecom/json.h"

struct ecom__writer {
    ecom_buf *out;
    int r;
};

static inline void ecom__put_n(struct ecom__writer *w, ecom_str s)
{
    if (w->r == ECOM_OK)
        w->r = ecom_buf_append(w->out, s);
}

static inline void ecom__put(struct ecom__writer *w, const char *s)
{
    ecom__put_n(w, ecom_str_of(s));
}

/* As a JSON string. */
static inline void ecom__put_str(struct ecom__writer *w, const char *s)
{
    if (w->r == ECOM_OK)
        w->r = ecom_json_write_str(w->out, ecom_str_of(s));
}

#endif
