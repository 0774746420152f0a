/* Words of a text, for searching: runs of letters and digits without regard to case. */
#ifndef ECOM_SHOP_WORDS_H
#define ECOM_SHOP_WORDS_H

#include "ecom/base.h"

enum { ECOM__WORD_MAX = 64 }; /* bytes; of a longer one the beginning counts */

struct ecom__words {
    ecom_str rest;             /* starts as the text; invalid UTF-8 stands between words */
    char word[ECOM__WORD_MAX]; /* the word found, in lower case */
    size_t n;                  /* its bytes */
};

/* Goes to the next word. False when there is none. */
int ecom__words_next(struct ecom__words *words);

/* Words and beginnings of words: what a document is found by. */
struct ecom__tokens {
    ecom_arena *arena;
    ecom_str *v;
    size_t n, room;
};

/* Adds the first `most` words of a text. @param prefixes  1: and each beginning of them.
 * @return ECOM_OK, ECOM_E_NOMEM. */
int ecom__tokens_add(struct ecom__tokens *tokens, ecom_str text, size_t most, int prefixes);
/* Puts them in order, each once. */
void ecom__tokens_sort(struct ecom__tokens *tokens);

#endif
