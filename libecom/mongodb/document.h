/* A document of ours as MongoDB has it: how a change becomes one, and what is read of one. */
#ifndef ECOM_MONGODB_DOCUMENT_H
#define ECOM_MONGODB_DOCUMENT_H

#include "mongodb/bson_write.h"
#include "mongodb/mongodb.h"

/* MongoDB's own limit, less what commands and the document's other fields take. */
enum { ECOM__MDB_MAX_BYTES = (16 << 20) - (64 << 10) };

/* What a change says, apart from its revision and its events: fields to set, and those to unset. */
typedef struct ecom__mdb_content {
    ecom__bson has, lacks;
} ecom__mdb_content;

/* On success ends with ecom__mdb_content_clear(). ECOM_E_NOMEM. */
int ecom__mdb_content_init(const ecom_change *change, ecom__mdb_content *content, ecom_error *err);
void ecom__mdb_content_clear(ecom__mdb_content *content);

/* The number of the i-th event of a change: those of a document grow, and so do those of a handle.
 */
int64_t ecom__mdb_event_number(uint64_t rev, size_t i);
/* Appends the array of a change's events to @p to. */
void ecom__mdb_append_events(ecom__bson *to, ecom_str name, const ecom_store_write *write,
                             uint64_t rev);
/* Reads one event; what it points to is in the document and in @p headers. ECOM_E_CORRUPT. */
int ecom__mdb_read_event(const bson_iter_t *at, int64_t *number, ecom_pending *out,
                         ecom_header headers[ECOM_BUS_MAX_HEADERS], ecom_error *err);

/* Appends the JSON of a document as it is stored. ECOM_E_CORRUPT; ECOM_E_NOMEM. */
int ecom__mdb_read_doc(const bson_t *stored, ecom_buf *out, ecom_error *err);

/* An index's value as it is in `keys` and `unique`: INDEX=VALUE, each byte of the value as the
 * character of that number, which sorts as the bytes do. ECOM_E_NOMEM. */
int ecom__mdb_key(ecom_str index, ecom_str value, ecom_buf *out);
/* The value of a key again, appended. 0: the key is of another index. */
int ecom__mdb_key_value(ecom_str key, ecom_str index, ecom_buf *out);

/* What published() is handed of an event, in place of what is in the buffer. ECOM_E_NOMEM. */
int ecom__mdb_token(ecom_buf *token, const char *collection, ecom_str id, int64_t number,
                    ecom_str by);

/* Text as a string, which people can read; other bytes as what they are. */
void ecom__mdb_append_bytes(bson_t *to, const char *name, ecom_str bytes);
/* A field to unset: its value says nothing. */
void ecom__mdb_append_unset(ecom__bson *to, ecom_str name);
/* The next id of an array, of which @p n are there. */
void ecom__mdb_append_id(bson_t *ids, uint32_t n, ecom_str id);
/* Documents with one of these ids. */
void ecom__mdb_append_any_of(bson_t *filter, const bson_t *ids);
/* A string or binary field; p is NULL when it is neither. */
ecom_str ecom__mdb_bytes(const bson_iter_t *at);

#endif
