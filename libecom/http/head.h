/* The head of an HTTP/1 message: request or status line, and headers. */
#ifndef ECOM_HTTP_HEAD_H
#define ECOM_HTTP_HEAD_H

#include <sys/types.h>

#include "base/ascii.h"

#define LIT(s_) ((ecom_str){"" s_, sizeof(s_) - 1})

/* Why a message is refused: the status to answer with, and a text for people. */
struct refusal {
    int32_t status;
    const char *text;
};

/* Fills @p why and returns -1. */
int ecom__http_refuse(struct refusal *why, int32_t status, const char *text);

/* Slices of the bytes that it was parsed from. */
struct head {
    ecom_str method, target; /* of a request */
    int32_t status;          /* of a response */
    int32_t minor;           /* of HTTP/1.x */
    int32_t keep_alive;      /* the connection may be used again */
    int32_t chunked;         /* Transfer-Encoding: chunked, and no other */
    int32_t continues;       /* Expect: 100-continue */
    int64_t length;          /* Content-Length; -1: not there */
    ecom_header *headers;    /* room for max of them, given by the caller */
    size_t nheaders, max;
};

/* Where the search for the end of a head stands; zeroed at its beginning. */
struct head_scan {
    size_t at, line, start; /* next byte, the line it is in, the first line that is not empty */
};

/* Looks for the empty line that ends a head, from where it left off: bytes at the beginning of
 * @p bytes stay, more come behind them. Returns the length of the head with that line; 0: not there
 * yet; -1: refused (a line end without CR: 400; more than @p max bytes: 431, or 414 when not even
 * the first line ended). */
ssize_t ecom__http_head_find(struct head_scan *scan, ecom_str bytes, size_t max,
                             struct refusal *why);

/* Parses what ecom__http_head_find() found. headers and max are set by the caller. Strict: what two
 * parsers could read in two ways is refused. @return 0 or -1. */
int ecom__http_request_parse(struct head *head, ecom_str bytes, struct refusal *why);
int ecom__http_response_parse(struct head *head, ecom_str bytes, struct refusal *why);

/* The first header of that name, from @p from on; NULL: none. */
const ecom_header *ecom__http_head_next(const struct head *head, ecom_str name, size_t *from);
/* A name of a method or header: token of RFC 9110 5.6.2. */
int ecom__http_is_token(ecom_str s);
/* Bytes that a header's value may hold: no controls but the tab. */
int ecom__http_is_text(ecom_str s);
/* Bytes that a target may hold: printable ASCII but for the space. */
int ecom__http_is_visible(ecom_str s);
/* The value of a hexadecimal digit; -1: it is none. */
int ecom__http_hex(char c);

#endif
