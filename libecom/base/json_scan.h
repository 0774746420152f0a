/* Strings and numbers of JSON, each read where it stands: in a text that may be written to and has
 * a NUL behind its end. Each function moves *p behind what it read and returns NULL; or it moves *p
 * to the fault and returns what is wrong there. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include "ecom/base.h"

/* A string behind its opening quote, unescaped in place. In a key, NUL is refused: names end at it
 * in too many places. */
const char *ecom__json_scan_string(char **p, const char *end, int is_key, ecom_str *out);
/* A number, as it is written. */
const char *ecom__json_scan_number(char **p, ecom_str *out);

#endif
