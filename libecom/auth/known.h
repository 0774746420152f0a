/* Tokens that were found good, by what they are to the last byte. Whoever shows one of them again
 * is believed what it says without reading it anew; whether it is still valid is for the clock. */
#ifndef ECOM_AUTH_KNOWN_H
#define ECOM_AUTH_KNOWN_H

#include "ecom/auth.h"

/* What a token says. */
typedef struct ecom__said {
    ecom_claims claims;
    int64_t not_before_s;
} ecom__said;

/* A bounded number; a new one takes the place of another. May be used from any thread. */
typedef struct ecom__known ecom__known;

/* NULL: out of memory. */
ecom__known *ecom__known_new(void);
void ecom__known_free(ecom__known *known);
/* @return 1: found, texts are in the arena; 0: not known; ECOM_E_NOMEM. */
int ecom__known_find(ecom__known *known, ecom_str token, ecom_arena *arena, ecom__said *out);
/* @return ECOM_E_NOMEM. */
int ecom__known_note(ecom__known *known, ecom_str token, const ecom__said *said);

#endif
