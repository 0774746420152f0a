/* A response, read as it comes. */
#ifndef ECOM_HTTP_ANSWER_H
#define ECOM_HTTP_ANSWER_H

#include "ecom/http.h"
#include "http/chunked.h"

enum { ANSWER_MAX_HEADERS = 128, ANSWER_MAX_HEAD = 64 << 10, ANSWER_MAX_INTERIM = 8 };

struct answer {
    int32_t head_only; /* to HEAD: no body, whatever the headers say */
    uint32_t max_bytes;
    struct head_scan scan;
    struct head head;
    ecom_header headers[ANSWER_MAX_HEADERS];
    struct chunks chunks;
    ecom_buf raw; /* the head, which head's slices lie in */
    ecom_buf body;
    uint64_t left;
    int32_t interim; /* 1xx responses before it */
    int32_t has_head, to_end, done;
};

void ecom__http_answer_init(struct answer *a, int head_only, uint32_t max_bytes);
void ecom__http_answer_clear(struct answer *a);
/* Takes from the bytes what belongs to the response; those that it does not take come again, with
 * more behind them. Done or not is in a->done. @return how many it took; or ECOM_E_UNAVAILABLE
 * (malformed); ECOM_E_TOOLARGE; ECOM_E_NOMEM. */
ssize_t ecom__http_answer_feed(struct answer *a, ecom_str in, ecom_error *err);
/* The connection ended. @return ECOM_E_UNAVAILABLE: in the middle of the response. */
int ecom__http_answer_end(struct answer *a, ecom_error *err);
/* What callers get, in the arena. @return ECOM_E_NOMEM. */
int ecom__http_answer_copy(const struct answer *a, ecom_arena *arena, ecom_http_answer *out,
                           ecom_error *err);

#endif
