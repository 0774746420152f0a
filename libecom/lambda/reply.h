/* A response of the Runtime API, read as it comes: HTTP/1.1, strictly. A parser of our own, since
 * the one of libecom-http stands on a library that a static function should not need. */
#ifndef ECOM_LAMBDA_REPLY_H
#define ECOM_LAMBDA_REPLY_H

#include <sys/types.h>

#include "ecom/base.h"

enum { REPLY_MAX_HEAD = 64 << 10, REPLY_MAX_INTERIM = 8 };

struct reply {
    uint32_t max_bytes; /* of the body */
    int32_t status;
    int32_t keep_alive; /* the connection may be used again */
    int32_t done;
    ecom_buf head; /* its lines, each ended by a line feed */
    ecom_buf body;

    int32_t state;
    int32_t interim; /* 1xx responses before it */
    int32_t sized, chunked;
    uint64_t left; /* bytes to come of the body, or of this chunk */
    size_t extra;  /* bytes of chunks' lines, and of trailers */
    ecom_buf line; /* under way */
};

void ecom__lambda_reply_init(struct reply *reply, uint32_t max_bytes);
void ecom__lambda_reply_clear(struct reply *reply);
/* Takes bytes until reply->done. @return how many it took, all unless it is done; or
 * ECOM_E_UNAVAILABLE (malformed); ECOM_E_TOOLARGE; ECOM_E_NOMEM. */
ssize_t ecom__lambda_reply_feed(struct reply *reply, ecom_str in, ecom_error *err);
/* The connection ended. @return ECOM_E_UNAVAILABLE: in the middle of it. */
int ecom__lambda_reply_end(struct reply *reply, ecom_error *err);
/* The first header of that name, in any case; p is NULL: not there. */
ecom_str ecom__lambda_reply_header(const struct reply *reply, const char *name);

#endif
