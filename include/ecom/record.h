/** @file
 * Records: every shape that crosses a boundary is described once, by a table of fields. From the
 * table come reading with exact errors, writing, index entries, JSON Schema, OpenAPI and help
 * texts.
 *
 *     struct note { ecom_str id, text; int64_t stars; };
 *     static const ecom_field fields[] = {
 *         ECOM_FIELD(struct note, id, "id", ID, .flags = ECOM_REQUIRED),
 *         ECOM_FIELD(struct note, text, "text", STRING, .flags = ECOM_REQUIRED, .max = 200),
 *         ECOM_FIELD(struct note, stars, "stars", INT, .max = 5),
 *     };
 *     static const ecom_record note_record = ECOM_RECORD("Note", struct note, fields);
 */
#ifndef ECOM_RECORD_H
#define ECOM_RECORD_H

#include "json.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a field is in C, and in JSON. */
typedef enum ecom_type {
    /** ecom_str; p NULL: absent. UTF-8 without control characters (see ECOM_LINES). min/max: length
     *  in characters, as JSON Schema counts them; a character is at most 4 bytes. */
    ECOM_TYPE_STRING = 1,
    ECOM_TYPE_ID, /**< ecom_str; a UUID as ecom_id_valid() has it */
    /** ecom_str; one address of at most 254 bytes, kept as written: up to 64 characters without
     *  spaces or quoting, `@`, a host name of labels; characters beyond ASCII may be in both. */
    ECOM_TYPE_EMAIL,
    ECOM_TYPE_CURRENCY, /**< ecom_str; three upper-case letters (ISO 4217) */
    ECOM_TYPE_INT,      /**< int64_t; ECOM_ABSENT: absent. min/max: value */
    ECOM_TYPE_BOOL,     /**< int32_t: 0, 1, or ECOM_ABSENT32 */
    ECOM_TYPE_MONEY,    /**< int64_t minor units; in JSON a number with at most two places,
                             read exactly. min/max: minor units, within ECOM_MONEY_MAX */
    ECOM_TYPE_TIME,     /**< int64_t ms since 1970; in JSON RFC 3339 in UTC */
    ECOM_TYPE_ENUM,     /**< int32_t: index into `names`, or ECOM_ABSENT32; a string in JSON */
    ECOM_TYPE_RECORD,   /**< the struct of `of`, embedded; an object */
    ECOM_TYPE_LIST      /**< ecom_list of structs of `of`; an array. min/max: count */
} ecom_type;

#define ECOM_MONEY_MAX INT64_C(1000000000000000) /**< minor units, either sign: 10^15 */

#define ECOM_ABSENT INT64_MIN   /**< of an int, money or a time that is not there */
#define ECOM_ABSENT32 INT32_MIN /**< of a bool or an enum that is not there */

/** The C side of ECOM_TYPE_LIST. */
typedef struct ecom_list {
    void *items; /**< n structs, one behind the other; NULL: absent (if required: empty) */
    size_t n;
} ecom_list;

/** What holds for a field. */
enum {
    ECOM_REQUIRED = 1 << 0, /**< must be there, and not null */
    ECOM_SECRET = 1 << 1,   /**< never in an answer, a log or an error: only in the store */
    ECOM_PRIVATE = 1 << 2,  /**< only in the store, but no secret */
    ECOM_INDEX = 1 << 3,    /**< found by it: see ecom_store_put_record() */
    ECOM_UNIQUE = 1 << 4,   /**< and it is unique */
    ECOM_READONLY = 1 << 5, /**< set by the server: not in a request's schema */
    ECOM_LINES = 1 << 6,    /**< a string that may hold line feeds, carriage returns and tabs */
    ECOM_NULLABLE = 1 << 7  /**< in ECOM_VIEW_PUBLIC null when it is absent, not left out */
};

typedef struct ecom_record ecom_record;

/** One field of a record. Build tables with ECOM_FIELD, name what you set, in this order (C++ wants
 *  that): it may grow. */
typedef struct ecom_field {
    const char *name; /**< in JSON */
    size_t offset;    /**< offsetof the member */
    uint32_t type;    /**< ecom_type */
    uint32_t flags;   /**< ECOM_REQUIRED... */
    /** By type. Both 0: the type's own bounds (a string: 0 to 4096, a list: 0 to 1000). A max below
     *  min: no bound above but the type's own (a string, a list: as above). */
    int64_t min, max;
    const char *const *names; /**< ECOM_TYPE_ENUM: ends with NULL */
    const ecom_record *of;    /**< ECOM_TYPE_RECORD, ECOM_TYPE_LIST */
    const char *doc;          /**< one line for schemas, `--help` and readers */
    const char *fallback;     /**< the default as text, as a person would write it; NULL: absent */
} ecom_field;

struct ecom_record {
    const char *name; /**< "Order": schemas and GraphQL types are called this */
    size_t size;      /**< sizeof the struct */
    const ecom_field *fields;
    size_t nfields;
    const char *doc; /**< nullable: a sentence for schemas */
};

/** Behind the name come the type and whatever else is set: `STRING, .flags = ECOM_REQUIRED`. From
 *  C++, too: C++20, or C++17 with gcc's and clang's extensions. */
#define ECOM_FIELD(type_, member_, name_, ...)                                               \
    {                                                                                        \
        .name = (name_), .offset = offsetof(type_, member_), .type = ECOM_TYPE_##__VA_ARGS__ \
    }
#define ECOM_RECORD(name_, type_, fields_)                           \
    {                                                                \
        .name = (name_), .size = sizeof(type_), .fields = (fields_), \
        .nfields = sizeof(fields_) / sizeof((fields_)[0])            \
    }
/** The same, and more: `.doc = "..."`. */
#define ECOM_RECORD_WITH(name_, type_, fields_, ...)                   \
    {                                                                  \
        .name = (name_), .size = sizeof(type_), .fields = (fields_),   \
        .nfields = sizeof(fields_) / sizeof((fields_)[0]), __VA_ARGS__ \
    }

/** Who will see what is written. */
typedef enum ecom_view {
    ECOM_VIEW_PUBLIC, /**< callers: without secret and private fields */
    ECOM_VIEW_STORE   /**< the store: everything */
} ecom_view;

/**
 * Reads a record from JSON text, checks every field, and fills a struct.
 * @param limits  nullable: the defaults of <ecom/json.h>.
 * @param arena   holds the strings and lists.
 * @param out     record->size bytes; on failure its content is undefined.
 * @return ECOM_OK; ECOM_E_INVAL with err->field the path (`items[2].quantity`) and err->text
 *         "items[2].quantity: must be at least 1"; ECOM_E_TOOLARGE; ECOM_E_NOMEM.
 * Unknown members are ignored. An absent optional member gets its fallback, or reads as absent; so
 * does null. Threads: any.   Since: 0.1
 */
ECOM_API ECOM_MUST_USE int ecom_record_read(const ecom_record *record, ecom_str json,
                                            const ecom_json_limits *limits, ecom_arena *arena,
                                            void *out, ecom_error *err);
/** As ecom_record_read(), from a parsed value. */
ECOM_API ECOM_MUST_USE int ecom_record_from_json(const ecom_record *record, const ecom_json *value,
                                                 ecom_arena *arena, void *out, ecom_error *err);
/** Makes every field absent, or its fallback. Strings point into the table. An embedded record that
 *  is not required becomes absent: all that is in it is, fallback or not. */
ECOM_API void ecom_record_init(const ecom_record *record, void *out);
/** Checks a struct built in C by the same rules and with the same texts. An embedded record whose
 *  fields are all absent counts as absent. */
ECOM_API ECOM_MUST_USE int ecom_record_check(const ecom_record *record, const void *in,
                                             ecom_error *err);
/** Appends the struct as a JSON object, without absent fields. @return ECOM_OK, ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_record_write(const ecom_record *record, const void *in,
                                             ecom_view view, ecom_buf *out);
/** Reads one field from a person's text: `.env`, an option, a query parameter. A bool may be true,
 *  yes, on or 1, or their opposites; an enum in any case.
 *  @param arena  holds strings; NULL: they point into @p text.
 *  @param base  the struct the field lies in.
 *  @return ECOM_E_INVAL; ECOM_E_NOTSUP: a record or a list; ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_field_parse(const ecom_field *field, ecom_str text,
                                            ecom_arena *arena, void *base, ecom_error *err);
/** Appends a JSON Schema (draft 2020-12) of the record, records below it inlined.
 *  @param request  1: as a request body (without ECOM_READONLY and ECOM_PRIVATE fields).
 *  @return ECOM_E_NOTSUP: a record inside itself; ECOM_E_NOMEM; @p out is then as before. */
ECOM_API ECOM_MUST_USE int ecom_record_schema(const ecom_record *record, int request,
                                              ecom_buf *out);

/** Reads a decimal number of at most two places as minor units: "19.9" is 1990. Exponents count
 *  ("1e2"). @return ECOM_E_INVAL: not a number, more places, past ECOM_MONEY_MAX. */
ECOM_API ECOM_MUST_USE int ecom_money_parse(ecom_str text, int64_t *minor, ecom_error *err);
/** Appends minor units as a decimal number: 1990 is `19.9`, 2000 is `20`, as JSON numbers go. */
ECOM_API ECOM_MUST_USE int ecom_money_write(ecom_buf *out, int64_t minor);

#ifdef __cplusplus
}
#endif
#endif
