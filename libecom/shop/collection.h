/* Documents of one kind in a store: structs, described by a record, that begin with their id. What
 * each part of the shop does with its store goes through here. */
#ifndef ECOM_SHOP_COLLECTION_H
#define ECOM_SHOP_COLLECTION_H

#include "base/options.h"
#include "ecom/shop.h"
#include "ecom/store.h"
#include "store/record.h"

struct ecom__collection {
    ecom_store *store;
    const char *name;
    const ecom_record *record; /* the struct's first member is an ecom_str: its id */
    /* Nullable. Adds the entries that are not in the record. */
    int (*entries)(const void *item, struct ecom__entries *out);
};

/* Copies an item's strings into the arena: what came with a request lives no longer than that. */
int ecom__own(const ecom_record *record, void *item, ecom_arena *arena, ecom_error *err);
/* Saves an item and up to one event.
 * @param expect  as in ecom_change.  @param event  nullable.  @param rev  out, nullable. */
int ecom__save(const struct ecom__collection *c, const void *item, uint64_t expect,
               const ecom_msg *event, ecom_arena *arena, uint64_t *rev, ecom_error *err);
/* The same, told later, as ecom_store_put_later() has it. @param item, event  stay until then.
 * @param waits  false: as ecom_store_try_put_later() has it. */
int ecom__save_later(const struct ecom__collection *c, const void *item, uint64_t expect,
                     const ecom_msg *event, ecom_arena *arena, int waits, ecom_put_fn fn,
                     void *user, ecom_error *err);
int ecom__read(const struct ecom__collection *c, ecom_str id, ecom_str doc, ecom_arena *arena,
               void *out, ecom_error *err);
/* The answer NOTFOUND. */
int ecom__not_found(const struct ecom__collection *c, ecom_error *err);
/* NOTFOUND also for what cannot be an id. */
int ecom__load(const struct ecom__collection *c, ecom_str id, ecom_arena *arena, void *out,
               uint64_t *rev, ecom_error *err);
/* The one with this value in a unique index. */
int ecom__load_by(const struct ecom__collection *c, const char *index, ecom_str value,
                  ecom_arena *arena, void *out, uint64_t *rev, ecom_error *err);

/* Does an item belong into an answer? */
typedef int (*ecom__keep_fn)(void *user, const void *item);

/* Those of the ids that exist and are kept, in the order of the ids.
 * @param out  an array in the arena. */
int ecom__load_many(const struct ecom__collection *c, const ecom_str *ids, size_t n,
                    ecom__keep_fn keep, void *user, ecom_arena *arena, void **out, size_t *found,
                    ecom_error *err);

/* As ecom_ids_split(), of a query's field of another name. */
int ecom__ids_split(const char *field, ecom_str text, ecom_arena *arena, ecom_str **ids, size_t *n,
                    ecom_error *err);

/* A page of a list, by id from the last to the first. */
struct ecom__range {
    const char *index; /* NULL: all */
    ecom_str value;    /* in that index */
    int64_t first;     /* ECOM_ABSENT: 20 */
    ecom_str after;
    ecom__keep_fn keep; /* nullable: all */
    void *user;
    uint32_t max_scan; /* with keep: documents to look at for one page */
};
int ecom__page(const struct ecom__collection *c, const struct ecom__range *range, ecom_arena *arena,
               ecom_list *items, ecom_str *next, ecom_error *err);

/* What every part of the shop needs. */
int ecom__check_store(const ecom_store *store, ecom_error *err);
int ecom__nomem(ecom_error *err);
/* One debug line about an item, with the correlation id of the request behind it. */
void ecom__log_item(const ecom_log *log, ecom_str correlation_id, const char *message,
                    const char *name, ecom_str id);

#endif
