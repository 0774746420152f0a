/** @file
 * The few things every other header needs: bytes, errors and the version.
 */
#ifndef ECOM_BASE_H
#define ECOM_BASE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define ECOM_API __attribute__((visibility("default")))
#define ECOM_MUST_USE __attribute__((warn_unused_result))
#define ECOM_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define ECOM_API
#define ECOM_MUST_USE
#define ECOM_PRINTF(f, a)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Borrowed bytes: not NUL-terminated, and yours to read until the call returns. */
typedef struct ecom_str {
    const char *p; /**< nullable when n is 0 */
    size_t n;      /**< bytes */
} ecom_str;

/** Owned bytes: start from {0}, append, reuse by setting n = 0, end with ecom_buf_free(). */
typedef struct ecom_buf {
    char *p;
    size_t n, cap;
} ecom_buf;

/** A name and a value: a header of a message or of HTTP. */
typedef struct ecom_header {
    ecom_str name;  /**< 1 byte or more of printable ASCII */
    ecom_str value; /**< any bytes, as far as the protocol allows */
} ecom_header;

/** Every fallible call returns 0 or one of these: the kinds of failure that a caller can act on.
 *  The numbers are ABI: append, never renumber. What each means over HTTP, in GraphQL, to a
 *  consumer and as an exit status is said once, by ecom_code_of(). */
typedef enum ecom_code {
    ECOM_OK = 0,
    ECOM_E_INVAL = -1,           /**< the input is wrong: ecom_error.field says where */
    ECOM_E_NOMEM = -2,           /**< out of memory; nothing was changed */
    ECOM_E_NOTFOUND = -3,        /**< an answer, not a fault: the library never logs it */
    ECOM_E_CONFLICT = -4,        /**< someone else wrote first; read again and decide */
    ECOM_E_TIMEOUT = -5,         /**< the outcome is unknown: it may have happened */
    ECOM_E_NOTSUP = -6,          /**< this backend does not do that */
    ECOM_E_BACKEND = -7,         /**< see ecom_error.native for the backend's own number */
    ECOM_E_EXISTS = -8,          /**< a unique index has the value; ecom_error.field names it */
    ECOM_E_UNAUTHENTICATED = -9, /**< no credentials, or none that hold */
    ECOM_E_FORBIDDEN = -10,      /**< known, but not allowed */
    ECOM_E_TOOLARGE = -11,       /**< a limit on size or count was exceeded; the text names it */
    ECOM_E_RATE = -12,           /**< too often; ecom_error.retry_after_ms says when */
    ECOM_E_UNAVAILABLE = -13,    /**< a store, bus or service cannot be reached now */
    ECOM_E_CLOSED = -14,         /**< the object is closing: stop calling */
    ECOM_E_CORRUPT = -15,        /**< stored data is damaged; do not retry, call a human */
    ECOM_E_FULL = -16,           /**< no space left where the data should go */
    ECOM_E_UNPROCESSABLE = -17,  /**< well-formed, and refused: a key used for another body */
    ECOM_E_UNKNOWN_TYPE = -18    /**< an event of a type that this version does not know */
} ecom_code;

/** Of a call that tries: it would have to wait, and has begun nothing. */
#define ECOM_WOULD_WAIT 2

/** Why one call failed: on the caller's stack, nothing to free. Every `err` accepts NULL. */
typedef struct ecom_error {
    int32_t code;           /**< same as the return value */
    int32_t native;         /**< SQLITE_*, rd_kafka_resp_err_t, errno...; 0 if none */
    int32_t retry;          /**< 1 when the same call may succeed later, unchanged */
    int32_t retry_after_ms; /**< with ECOM_E_RATE or ECOM_E_UNAVAILABLE: wait that long; else 0 */
    char field[64];         /**< JSON path of the input at fault, `items[2].quantity`; or empty */
    char text[232];         /**< one English line, UTF-8, no newline, no secrets */
} ecom_error;

/** What a kind of failure means to the worlds outside. Static, never NULL. */
typedef struct ecom_code_info {
    const char *name;    /**< "NOTFOUND" */
    const char *title;   /**< "Not found": RFC 9457 `title` */
    const char *graphql; /**< `extensions.code`: "NOT_FOUND" */
    int32_t http;        /**< status code */
    int32_t retry;       /**< 1: a consumer tries again; 0: it rejects */
    int32_t exit;        /**< exit status, after sysexits.h */
} ecom_code_info;

/** The one table from which HTTP statuses, GraphQL codes, retries and exit statuses come. Unknown
 *  codes read as ECOM_E_BACKEND. Threads: any. Since: 0.1 */
ECOM_API const ecom_code_info *ecom_code_of(int code);

/** Fills @p err (nullable) and returns @p code, so that failing is one line: return ecom_fail().
 *  Longer texts are cut at a character; control characters become spaces. Threads: any. */
ECOM_API int ecom_fail(ecom_error *err, int code, const char *fmt, ...) ECOM_PRINTF(3, 4);

/** As ecom_fail(), for input: @p field is the path that is at fault ("" for the whole). It comes
 *  first in the text: "items[2].quantity: must be at least 1". */
ECOM_API int ecom_fail_field(ecom_error *err, int code, const char *field, const char *fmt, ...)
    ECOM_PRINTF(4, 5);

/** "0.1.0": the version of the library that is loaded. */
ECOM_API const char *ecom_version(void);

/** A slice over a C string; NULL gives an empty one. */
ECOM_API ecom_str ecom_str_of(const char *s);
/** Truth: the same bytes. */
ECOM_API int ecom_str_eq(ecom_str a, ecom_str b);
/** memcmp order, a prefix before what it starts. Below, at or above 0. */
ECOM_API int ecom_str_cmp(ecom_str a, ecom_str b);

/** Appends, growing as needed; always keeps one NUL behind the end. @return ECOM_OK, ECOM_E_NOMEM
 *  (the buffer is unchanged). @p bytes must not lie inside @p buf. */
ECOM_API ECOM_MUST_USE int ecom_buf_append(ecom_buf *buf, ecom_str bytes);
/** Appends what printf would print. @return as ecom_buf_append(). */
ECOM_API ECOM_MUST_USE int ecom_buf_printf(ecom_buf *buf, const char *fmt, ...) ECOM_PRINTF(2, 3);
/** Makes room for @p n more bytes behind the end, which the caller fills and counts in buf->n.
 *  @return as ecom_buf_append(). */
ECOM_API ECOM_MUST_USE int ecom_buf_reserve(ecom_buf *buf, size_t n);
/** What it holds, until it is changed or freed. */
ECOM_API ecom_str ecom_buf_str(const ecom_buf *buf);
/** Frees the bytes and zeroes the struct; NULL is fine. */
ECOM_API void ecom_buf_free(ecom_buf *buf);

/** Memory that is freed all at once: one per request. Not for use by two threads at a time. */
typedef struct ecom_arena ecom_arena;

/** @param max_bytes  what it may ever hold; 0: 16 MiB. @return NULL when out of memory. */
ECOM_API ecom_arena *ecom_arena_new(size_t max_bytes);
/** Zeroed, aligned for any type. @return NULL past max_bytes or when out of memory. */
ECOM_API void *ecom_arena_alloc(ecom_arena *arena, size_t n);
/** A NUL-terminated copy; p is NULL when out of memory. */
ECOM_API ecom_str ecom_arena_copy(ecom_arena *arena, ecom_str bytes);
/** Forgets everything, keeps up to 64 KiB of memory for the next use, which it has grown to. */
ECOM_API void ecom_arena_reset(ecom_arena *arena);
/** Bytes of memory that it has.   Since: 0.1 */
ECOM_API size_t ecom_arena_bytes(const ecom_arena *arena);
/** NULL is fine. */
ECOM_API void ecom_arena_free(ecom_arena *arena);

#ifdef __cplusplus
}
#endif
#endif
