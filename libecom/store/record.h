/* Records as documents: what of a record goes into a change, and comes back. */
#ifndef ECOM_STORE_RECORD_H
#define ECOM_STORE_RECORD_H

#include "ecom/store.h"

/* Index entries as they gather, in an arena. */
struct ecom__entries {
    ecom_arena *arena;
    ecom_entry *v;
    size_t n, room;
};

/* Adds one; an empty value is none. */
int ecom__entries_add(struct ecom__entries *entries, const char *index, ecom_str value, int unique);
/* Adds those that ecom_store_put_record() tells of. */
int ecom__entries_derive(struct ecom__entries *entries, const ecom_record *record, const void *in);

/* Gives a change the document and the entries of a struct that was checked.
 * @param entries  those beside the record's; the arena for all.
 * @param doc      {0}; on success the caller's to free, when the change is done with. */
int ecom__record_change(const ecom_record *record, const void *in, struct ecom__entries *entries,
                        ecom_buf *doc, ecom_change *change, ecom_error *err);
/* Reads a stored document. One that does not fit the record is damage, not bad input: CORRUPT. */
int ecom__record_of_doc(const ecom_record *record, ecom_str collection, ecom_str id, ecom_str doc,
                        ecom_arena *arena, void *out, ecom_error *err);

#endif
