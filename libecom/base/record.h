/* What the readers, writers and checkers of records share. */
#ifndef BASE_RECORD_H
#define BASE_RECORD_H

#include "ecom/record.h"

#include "base/path.h"

enum {
    ECOM__STRING_MAX = 4096, /* characters of a string, when the field says nothing */
    ECOM__EMAIL_MAX = 254,   /* bytes */
    ECOM__LIST_MAX = 1000    /* items of a list, when the field says nothing */
};

struct ecom__bounds {
    int64_t min, max;
};

/* The field's own bounds inside of its type's. */
struct ecom__bounds ecom__field_bounds(const ecom_field *field);
/* The member of the struct. */
void *ecom__field_at(const ecom_field *field, const void *base);
int ecom__field_is_absent(const ecom_field *field, const void *base);
/* Makes it what it is when nobody says anything: its fallback, or absent. */
void ecom__field_init(const ecom_field *field, void *base);

/* Checks one field that holds what its type holds in C. @p path is the field's. */
int ecom__field_check(const ecom_field *field, const void *base, const struct ecom__path *path,
                      ecom_error *err);
/* Checks a size: characters of a string, items of a list. */
int ecom__size_check(const ecom_field *field, size_t n, const struct ecom__path *path,
                     ecom_error *err);
/* Fails with the names the field takes. */
int ecom__enum_fail(const ecom_field *field, const struct ecom__path *path, ecom_error *err);
/* Index of the name in the field's names; -1: none. */
int32_t ecom__enum_index(const ecom_field *field, ecom_str name);
/* NULL: the index has none. */
const char *ecom__enum_name(const ecom_field *field, int32_t index);
/* Fails a number that is past one of its bounds. @p found is nullable: not told. */
int ecom__number_fail(const ecom_field *field, const char *least_or_most, int64_t bound,
                      const int64_t *found, const struct ecom__path *path, ecom_error *err);
/* Reads a decimal number as the field's integer (INT, MONEY). */
int ecom__number_read(const ecom_field *field, ecom_str text, int64_t *out,
                      const struct ecom__path *path, ecom_error *err);
/* Minor units as a decimal number; how many bytes were written. */
enum { ECOM__MONEY_ROOM = 32 };
size_t ecom__money_format(int64_t minor, char out[ECOM__MONEY_ROOM]);

/* As ecom_record_from_json(), of a value that lives as long as the arena: strings point into it. */
int ecom__record_borrow(const ecom_record *record, const ecom_json *value, ecom_arena *arena,
                        void *out, ecom_error *err);

/* Appends the value of a field that is not absent. */
int ecom__field_write(const ecom_field *field, const void *base, ecom_view view, ecom_buf *out);

/* How a schema is written. */
struct ecom__schema_options {
    int request;      /* 1: what is read; else what is written for ECOM_VIEW_PUBLIC */
    int all_fields;   /* 1: also what the server sets */
    const char *type; /* nullable: the one value of the member "type" */
    int dialect;      /* 1: with "$schema" */
};
int ecom__record_schema(const ecom_record *record, const struct ecom__schema_options *options,
                        ecom_buf *out);

#endif
