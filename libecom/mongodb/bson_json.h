/* JSON texts as BSON, with types that make sense in MongoDB, and back. See <ecom/mongodb.h>. */
#ifndef ECOM_MONGODB_BSON_JSON_H
#define ECOM_MONGODB_BSON_JSON_H

#include "mongodb/bson_write.h"

/* Appends the text's object as a document.
 * @param exact  out, nullable: whether ecom__bson_to_json() gives back every byte.
 * @return ECOM_OK; ECOM_E_NOTSUP: BSON cannot have it as fields, and all is as before;
 *         ECOM_E_NOMEM. */
int ecom__bson_from_json(ecom_str json, ecom__bson *out, int *exact);

/* Appends a document as compact JSON. ECOM_E_CORRUPT: it has a value that JSON cannot have, or is
 * too deep; ECOM_E_NOMEM. The buffer is then as before. */
int ecom__bson_to_json(const bson_t *doc, ecom_buf *out, ecom_error *err);

#endif
