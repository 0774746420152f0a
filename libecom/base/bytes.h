/* What the library does to bytes beyond <ecom/base.h>. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "ecom/base.h"

/* Takes back what a failed write has appended behind @p before, and returns the code. */
int ecom__buf_cut(ecom_buf *buf, size_t before, int code);

#endif
