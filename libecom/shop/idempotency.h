/* Requests that may be sent twice: the Idempotency-Key. What was made with a key says so in its
 * document, in the same write: the hash of caller and key, under a unique index, and the hash of
 * the request. Nothing else is stored, and nothing can be forgotten in between. */
#ifndef ECOM_SHOP_IDEMPOTENCY_H
#define ECOM_SHOP_IDEMPOTENCY_H

#include <pthread.h>

#include "shop/collection.h"

/* The names of the two fields that a record has for this, and how long the hashes are. */
#define ECOM__KEY_FIELD "idempotencyKey"
#define ECOM__BODY_FIELD "idempotencyBody"
enum { ECOM__HASH_HEX = 64 };

/* Requests with a key that are being answered now in this process; each lies on the stack of its
 * call, so there are no more of them than calls. */
struct ecom__flight;
struct ecom__flights {
    pthread_mutex_t lock;
    struct ecom__flight *first;
};
void ecom__flights_init(struct ecom__flights *flights);
void ecom__flights_clear(struct ecom__flights *flights);

/* Something to be made, perhaps with a key. */
struct ecom__creation {
    const struct ecom__collection *c;
    const ecom_env *env;
    struct ecom__flights *flights;
    const ecom_caller *caller;         /* nullable */
    const ecom_record *request_record; /* of the request as it is compared with a former one */
    const void *request;
    const ecom_msg *event; /* that it gives rise to; nullable */
};

/* Saves the item, or, when its key was used for the same request before, reads what was made then
 * into @p item as it is now. A key is free again once what has it is older than ECOM_KEY_TTL_MS.
 * @param item      in, out: complete but for the two fields.
 * @param replayed  out: 1 for the latter.
 * @return ECOM_E_INVAL, ECOM_E_UNPROCESSABLE, ECOM_E_CONFLICT (field `Idempotency-Key`);
 *         ECOM_E_EXISTS (another unique index); or as ecom_store_put(). */
int ecom__create(const struct ecom__creation *creation, void *item, ecom_arena *arena,
                 int *replayed, ecom_error *err);

#endif
