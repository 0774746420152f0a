/* BSON, written from front to back into one piece of memory: for what is sent with every change, a
 * fraction of what the driver's own functions take, and memory that runs out is told. After the
 * first failure all else is skipped, and the failure stays. */
#ifndef ECOM_MONGODB_BSON_WRITE_H
#define ECOM_MONGODB_BSON_WRITE_H

#include "mongodb/driver.h"

#include "ecom/base.h"

/* Starts as {0}; ends with ecom_buf_free(&bytes). */
typedef struct ecom__bson {
    ecom_buf bytes;
    int r; /* ECOM_OK, or why what is there is not whole: ECOM_E_NOMEM */
} ecom__bson;

#define ECOM__BSON_NAME(literal) ((ecom_str){literal, sizeof(literal) - 1})

/* Room for @p n bytes more, so that they need not be moved later. */
void ecom__bson_expect(ecom__bson *to, size_t n);

/* A document that is no field: its fields follow, then ecom__bson_end(). @return its place. */
size_t ecom__bson_begin(ecom__bson *to);
/* @param type  BSON_TYPE_DOCUMENT or BSON_TYPE_ARRAY, whose items are named by their numbers. */
size_t ecom__bson_begin_in(ecom__bson *to, bson_type_t type, ecom_str name);
void ecom__bson_end(ecom__bson *to, size_t place);
/* A document to read, as long as the bytes stay as they are. Truth: it is one. */
int ecom__bson_view(const ecom__bson *from, size_t place, bson_t *out);

/* A field whose value its caller writes into the bytes. */
void ecom__bson_name(ecom__bson *to, bson_type_t type, ecom_str name);
/* The same for a string, then ecom__bson_end_text(). @return its place. */
size_t ecom__bson_begin_text(ecom__bson *to, ecom_str name);
void ecom__bson_end_text(ecom__bson *to, size_t place);

void ecom__bson_text(ecom__bson *to, ecom_str name, ecom_str text);
/* Text as a string, which people can read; other bytes as what they are. */
void ecom__bson_bytes(ecom__bson *to, ecom_str name, ecom_str bytes);
void ecom__bson_int32(ecom__bson *to, ecom_str name, int32_t value);
void ecom__bson_int64(ecom__bson *to, ecom_str name, int64_t value);
void ecom__bson_time(ecom__bson *to, ecom_str name, int64_t ms);
void ecom__bson_bool(ecom__bson *to, ecom_str name, int truth);
void ecom__bson_null(ecom__bson *to, ecom_str name);
void ecom__bson_decimal(ecom__bson *to, ecom_str name, const bson_decimal128_t *value);
/* The fields of a whole document. */
void ecom__bson_fields(ecom__bson *to, const ecom__bson *from);

/* What the n-th item of an array is called; perhaps in @p number. */
ecom_str ecom__bson_item(uint32_t n, char number[16]);

/* UTF-8 without NUL. */
int ecom__bson_is_text(ecom_str bytes);

#endif
