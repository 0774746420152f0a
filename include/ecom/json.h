/** @file
 * JSON, read under bounds and written without a tree. Records (see <ecom/record.h>) are what most
 * code wants; this is for shapes that are not known beforehand, such as GraphQL variables.
 */
#ifndef ECOM_JSON_H
#define ECOM_JSON_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ecom_json_kind {
    ECOM_JSON_NULL,
    ECOM_JSON_BOOL,
    ECOM_JSON_NUMBER,
    ECOM_JSON_STRING,
    ECOM_JSON_ARRAY,
    ECOM_JSON_OBJECT
} ecom_json_kind;

/** One value of a parsed text, and all below it: read-only, alive as long as its arena. */
typedef struct ecom_json {
    const struct ecom_json *next;  /**< the next sibling in the same array or object, or NULL */
    const struct ecom_json *first; /**< first child of an array or object, or NULL when empty */
    ecom_str name;                 /**< the key, in an object; UTF-8, never holds NUL */
    ecom_str text;  /**< a string's value (UTF-8, may hold NUL); a number's literal, as written */
    uint32_t count; /**< children */
    uint8_t kind;   /**< ecom_json_kind */
    uint8_t truth;  /**< a bool's value */
} ecom_json;

/** Bounds on what is read. Zero means the default. */
typedef struct ecom_json_limits {
    uint32_t size;      /**< sizeof(ecom_json_limits) */
    uint32_t max_bytes; /**< 1 MiB, at most 1 GiB */
    uint32_t max_depth; /**< arrays and objects inside each other: 32, at most 512 */
    uint32_t max_keys;  /**< keys of one object: 256 */
    uint32_t max_nodes; /**< values in the whole text: 100,000 */
} ecom_json_limits;

/**
 * Parses one JSON text (RFC 8259), strictly: a duplicate key, invalid UTF-8, a lone surrogate, NUL
 * in a key, an integer that 64 bits cannot hold, a trailing byte, NaN, a single-quoted string and
 * whatever else is not JSON is refused.
 * @param limits  nullable: the defaults.
 * @param arena   holds the result.
 * @return ECOM_OK; ECOM_E_INVAL (with the path and what was found); ECOM_E_TOOLARGE (the text names
 *         the limit); ECOM_E_NOMEM.
 * Threads: any; no recursion that the input can drive into the stack's end.   Since: 0.1
 */
ECOM_API ECOM_MUST_USE int ecom_json_parse(ecom_str text, const ecom_json_limits *limits,
                                           ecom_arena *arena, const ecom_json **out,
                                           ecom_error *err);
/** The member called @p name; NULL when there is none or @p object is no object (or NULL). */
ECOM_API const ecom_json *ecom_json_get(const ecom_json *object, const char *name);
/** A number without fraction that fits. @return ECOM_E_INVAL, also for NULL and other kinds.
 *  Accepts `1.0` and `1e2`: the value counts, not how it is written. */
ECOM_API ECOM_MUST_USE int ecom_json_int(const ecom_json *value, int64_t *out, ecom_error *err);

/** Appends @p s as a JSON string with its quotes. Only what RFC 8259 demands is escaped; invalid
 *  UTF-8 becomes U+FFFD. */
ECOM_API ECOM_MUST_USE int ecom_json_write_str(ecom_buf *out, ecom_str s);
/** Appends a value again, compactly; numbers as they were written. NULL is `null`.
 *  @return ECOM_E_TOOLARGE when it is deeper than 512; ECOM_E_NOMEM; @p out is then as before. */
ECOM_API ECOM_MUST_USE int ecom_json_write(ecom_buf *out, const ecom_json *value);

#ifdef __cplusplus
}
#endif
#endif
