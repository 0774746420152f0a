/* Pairs of byte strings in one: how entries and headers lie in a column. */
#ifndef ECOM_STORE_PACK_H
#define ECOM_STORE_PACK_H

#include "ecom/store.h"

/* Appends a pair and a flag. @param a  below 32 KiB. @param b  below 64 KiB. */
int ecom__pack_add(ecom_buf *buf, ecom_str a, ecom_str b, int flag);
/* Takes the next pair off @p rest. @return 1; 0: there is none left; ECOM_E_CORRUPT. */
int ecom__pack_next(ecom_str *rest, ecom_str *a, ecom_str *b, int *flag);

/* The entries of a change, ordered by (index, value), none twice. ECOM_E_NOMEM. */
int ecom__pack_entries(const ecom_change *change, ecom_buf *out);
int ecom__pack_next_entry(ecom_str *rest, ecom_entry *entry);
int ecom__pack_headers(const ecom_msg *msg, ecom_buf *out);

#endif
