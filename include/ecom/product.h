/** @file
 * Products: made, listed newest first, searched by words.
 */
#ifndef ECOM_PRODUCT_H
#define ECOM_PRODUCT_H

#include "shop.h"
#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ECOM_SEARCH_MAX 200        /**< characters of a query's `search` */
#define ECOM_SEARCH_WORDS 16       /**< words in it */
#define ECOM_SEARCH_SCAN 500       /**< products looked at for one page */
#define ECOM_DESCRIPTION_WORDS 700 /**< words of a description, from its start, that are found */

/** A product, as stored; callers see it without the last two. */
typedef struct ecom_product {
    ecom_str id;
    ecom_str name;
    ecom_str description; /**< p NULL: none */
    int64_t price;        /**< minor units */
    ecom_str currency;
    int64_t stock;
    ecom_str sku;       /**< unique; p NULL: none */
    ecom_str seller_id; /**< who made it; p NULL: nobody was logged in */
    int64_t created_at, updated_at;
    ecom_str idempotency_key, idempotency_body; /**< private: hashes */
} ecom_product;
ECOM_API extern const ecom_record ecom_product_record;

/** `POST /products` {name, price, description?, currency?, stock?, sku?}. Start from
 *  ecom_record_init() when you fill it in C. */
typedef struct ecom_product_request {
    ecom_str name;        /**< 1 to 200 characters, not only spaces */
    ecom_str description; /**< at most 4,000 characters; may have lines */
    int64_t price;        /**< 1 to ECOM_AMOUNT_MAX */
    ecom_str currency;    /**< "USD" unless said */
    int64_t stock;        /**< 0 unless said, at most 1,000,000,000 */
    ecom_str sku;         /**< 1 to 64 characters */
} ecom_product_request;
ECOM_API extern const ecom_record ecom_product_request_record;

/** `GET /products?first=&after=&search=&ids=`. Start from ecom_record_init(). */
typedef struct ecom_product_query {
    int64_t first;   /**< 1 to 100; 20 unless said */
    ecom_str after;  /**< a cursor; empty: from the newest */
    ecom_str search; /**< every word must be in it: see ecom_products_list() */
    ecom_str ids;    /**< "a,b,c": these and no others; the rest of the query does not count */
} ecom_product_query;
ECOM_API extern const ecom_record ecom_product_query_record;

/** {items, nextCursor}. */
typedef struct ecom_product_page {
    ecom_list items;      /**< of ecom_product */
    ecom_str next_cursor; /**< p NULL: that was all */
} ecom_product_page;
ECOM_API extern const ecom_record ecom_product_page_record;

/** The products of one store. May be used from any thread. */
typedef struct ecom_products ecom_products;

/** What is pointed to must outlive the object. */
typedef struct ecom_products_options {
    uint32_t size;
    ecom_store *store;
    const ecom_env *env; /**< NULL: ecom_env_system() */
    const ecom_log *log; /**< nullable */
} ecom_products_options;

/** @return ECOM_E_INVAL: no store; ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_products_new(const ecom_products_options *opts, ecom_products **out,
                                             ecom_error *err);
/** NULL is fine. Waits for nobody: let no call be in progress. */
ECOM_API void ecom_products_free(ecom_products *products);

/**
 * Makes a product. Whether the caller must be logged in is the service's to say.
 * @param caller    nullable; user_id becomes the seller, idempotency_key is honoured.
 * @param replayed  out, nullable: 1 when an earlier request with the same key made it.
 * @return ECOM_OK; ECOM_E_INVAL (the field); ECOM_E_EXISTS (field `sku`); ECOM_E_UNPROCESSABLE,
 *         ECOM_E_CONFLICT (field `Idempotency-Key`, see ecom_caller); ECOM_E_UNAVAILABLE; or as
 *         ecom_store_put(). ECOM_E_TIMEOUT: it may be there; with a key, just ask again.
 */
ECOM_API ECOM_MUST_USE int ecom_products_create(ecom_products *products,
                                                const ecom_product_request *request,
                                                const ecom_caller *caller, ecom_arena *arena,
                                                ecom_product *out, int *replayed, ecom_error *err);
/** @return ECOM_E_NOTFOUND (also for what is no id). */
ECOM_API ECOM_MUST_USE int ecom_products_get(ecom_products *products, ecom_str id,
                                             ecom_arena *arena, ecom_product *out, ecom_error *err);
/** The products with these ids, in their order, those that do not exist left out.
 *  @param n  at most 100; one more: ECOM_E_INVAL (field `ids`).
 *  @param out  out: in the arena.  @param found  out: how many. */
ECOM_API ECOM_MUST_USE int ecom_products_get_many(ecom_products *products, const ecom_str *ids,
                                                  size_t n, ecom_arena *arena, ecom_product **out,
                                                  size_t *found, ecom_error *err);
/**
 * Lists products, newest first.
 *
 * A search is split into words (runs of letters and digits, without regard to case); a product is
 * found when each of them is a word of its description, or a word of its name begins with it. A
 * page looks at no more than ECOM_SEARCH_SCAN products: it may have fewer items than asked for, or
 * none, and still a next_cursor.
 * @param query  nullable: the first page of all.
 * @return ECOM_E_INVAL (field `first`, `after`, `search` or `ids`); or as ecom_store_find().
 */
ECOM_API ECOM_MUST_USE int ecom_products_list(ecom_products *products,
                                              const ecom_product_query *query, ecom_arena *arena,
                                              ecom_product_page *out, ecom_error *err);

#ifdef __cplusplus
}
#endif
#endif
