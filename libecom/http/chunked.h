/* Bodies in chunks (RFC 9112 7.1), read as strictly as heads. */
#ifndef ECOM_HTTP_CHUNKED_H
#define ECOM_HTTP_CHUNKED_H

#include "http/head.h"

/* Zeroed at the beginning of a body. */
struct chunks {
    int32_t state, done; /* done: the last trailer was read */
    uint64_t left;       /* bytes to come of this chunk */
    uint32_t digits;     /* of its size */
    size_t extra;        /* bytes of extensions and trailers so far, which are ignored */
};

/* Takes from @p in what belongs to the body and appends the content to @p body, which may grow to
 * @p max_body bytes; extensions and trailers together may have @p max_extra. Returns how many bytes
 * it took, fewer than there are only when done; -1: refused (400, 413, 431; 503 out of memory). */
ssize_t ecom__http_chunks_feed(struct chunks *chunks, ecom_str in, ecom_buf *body, size_t max_body,
                               size_t max_extra, struct refusal *why);

#endif
