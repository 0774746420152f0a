/* What a JSON text consists of, before any parser sees it: a flat list of its keys and values in
 * the order of the text. */
#ifndef BASE_JSON_LINT_H
#define BASE_JSON_LINT_H

#include "ecom/json.h"

struct ecom__json_token {
    uint32_t at, n; /* where in the text; a string without its quotes */
    uint32_t size;  /* a string: bytes when unescaped; a container: keys or items in it */
    uint32_t up;    /* the container it lies in; its own index at the top */
    uint8_t kind;   /* ecom_json_kind; a key is a string */
    uint8_t is_key;
};

struct ecom__json_tape {
    ecom_str text;
    ecom_buf buf; /* of tokens */
    struct ecom__json_token *tokens;
    uint32_t n;
    uint32_t nodes; /* values: tokens that are no keys */
    size_t bytes;   /* of all strings, unescaped, and all numbers, as written */
};

/* Takes the text apart and refuses, with the path, what a parser may let through: bytes, strings,
 * numbers and words that are not JSON, and all that is past the limits, which are all set. What it
 * does not know is where commas and colons belong: that is the parser's. */
int ecom__json_lint(struct ecom__json_tape *tape, const ecom_json_limits *limits, ecom_error *err);
/* Fails with the path of the token at the index. */
int ecom__json_tape_fail(const struct ecom__json_tape *tape, uint32_t index, ecom_error *err,
                         int code, const char *text);
void ecom__json_tape_clear(struct ecom__json_tape *tape);

#endif
