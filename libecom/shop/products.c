#include "ecom/product.h"

#include <stdlib.h>
#include <string.h>

#include "shop/collection.h"
#include "shop/idempotency.h"
#include "shop/words.h"

#define WORD_INDEX "word"

enum { MAX_NAME = 200, MAX_DESCRIPTION = 4000, MAX_SKU = 64, MAX_STOCK = 1000000000 };

static const ecom_field product_fields[] = {
    ECOM_FIELD(ecom_product, id, "id", ID, .flags = ECOM_REQUIRED | ECOM_READONLY),
    ECOM_FIELD(ecom_product, name, "name", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = MAX_NAME),
    ECOM_FIELD(ecom_product, description, "description", STRING,
               .flags = ECOM_LINES | ECOM_NULLABLE, .max = MAX_DESCRIPTION),
    ECOM_FIELD(ecom_product, price, "price", MONEY, .flags = ECOM_REQUIRED, .min = 1,
               .max = ECOM_AMOUNT_MAX),
    ECOM_FIELD(ecom_product, currency, "currency", CURRENCY, .flags = ECOM_REQUIRED),
    ECOM_FIELD(ecom_product, stock, "stock", INT, .flags = ECOM_REQUIRED, .min = 0,
               .max = MAX_STOCK, .doc = "How many there are."),
    ECOM_FIELD(ecom_product, sku, "sku", STRING, .flags = ECOM_UNIQUE | ECOM_NULLABLE, .min = 1,
               .max = MAX_SKU, .doc = "The seller's own number of it."),
    ECOM_FIELD(ecom_product, seller_id, "sellerId", STRING, .flags = ECOM_READONLY | ECOM_NULLABLE,
               .min = 1, .max = ECOM_USER_ID_MAX, .doc = "Who made it."),
    ECOM_FIELD(ecom_product, created_at, "createdAt", TIME, .flags = ECOM_REQUIRED | ECOM_READONLY),
    ECOM_FIELD(ecom_product, updated_at, "updatedAt", TIME, .flags = ECOM_REQUIRED | ECOM_READONLY),
    ECOM_FIELD(ecom_product, idempotency_key, ECOM__KEY_FIELD, STRING,
               .flags = ECOM_PRIVATE | ECOM_UNIQUE, .max = ECOM__HASH_HEX),
    ECOM_FIELD(ecom_product, idempotency_body, ECOM__BODY_FIELD, STRING, .flags = ECOM_PRIVATE,
               .max = ECOM__HASH_HEX),
};
const ecom_record ecom_product_record =
    ECOM_RECORD_WITH("Product", ecom_product, product_fields, .doc = "Something to buy.");

static const ecom_field request_fields[] = {
    ECOM_FIELD(ecom_product_request, name, "name", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = MAX_NAME),
    ECOM_FIELD(ecom_product_request, description, "description", STRING, .flags = ECOM_LINES,
               .max = MAX_DESCRIPTION),
    ECOM_FIELD(ecom_product_request, price, "price", MONEY, .flags = ECOM_REQUIRED, .min = 1,
               .max = ECOM_AMOUNT_MAX),
    ECOM_FIELD(ecom_product_request, currency, "currency", CURRENCY, .fallback = "USD"),
    ECOM_FIELD(ecom_product_request, stock, "stock", INT, .min = 0, .max = MAX_STOCK,
               .fallback = "0"),
    ECOM_FIELD(ecom_product_request, sku, "sku", STRING, .min = 1, .max = MAX_SKU,
               .doc = "The seller's own number of it; no two products have the same."),
};
const ecom_record ecom_product_request_record = ECOM_RECORD_WITH(
    "NewProduct", ecom_product_request, request_fields, .doc = "A product to be made.");

static const ecom_field query_fields[] = {
    ECOM_FIELD(ecom_product_query, first, "first", INT, .min = 1, .max = ECOM_PAGE_MAX,
               .fallback = "20", .doc = "How many at most."),
    ECOM_FIELD(ecom_product_query, after, "after", STRING, .max = ECOM_CURSOR_MAX,
               .doc = "The nextCursor of the page before."),
    ECOM_FIELD(ecom_product_query, search, "search", STRING, .max = ECOM_SEARCH_MAX,
               .doc = "Words that all must be in it."),
    ECOM_FIELD(ecom_product_query, ids, "ids", STRING, .max = ECOM_IDS_BYTES,
               .doc = "Ids with commas between: these and no others."),
};
const ecom_record ecom_product_query_record =
    ECOM_RECORD_WITH("ProductQuery", ecom_product_query, query_fields, .doc = "Which products.");

static const ecom_field page_fields[] = {
    ECOM_FIELD(ecom_product_page, items, "items", LIST, .of = &ecom_product_record,
               .flags = ECOM_REQUIRED, .max = ECOM_PAGE_MAX),
    ECOM_FIELD(ecom_product_page, next_cursor, "nextCursor", STRING, .flags = ECOM_NULLABLE,
               .max = ECOM_CURSOR_MAX, .doc = "Hand it back as `after`; null: that was all."),
};
const ecom_record ecom_product_page_record = ECOM_RECORD_WITH(
    "ProductPage", ecom_product_page, page_fields, .doc = "Products, newest first.");

struct ecom_products {
    struct ecom__collection c;
    const ecom_env *env;
    const ecom_log *log;
    struct ecom__flights flights;
};

/* What it is found by: the words of its description, and each beginning of each word of its name.
 * Both texts are bounded, and so are the entries: 200 and 700. */
static int tokens_of(const ecom_product *product, struct ecom__tokens *tokens)
{
    if (ecom__tokens_add(tokens, product->name, MAX_NAME, 1) < 0 ||
        ecom__tokens_add(tokens, product->description, ECOM_DESCRIPTION_WORDS, 0) < 0)
        return ECOM_E_NOMEM;
    ecom__tokens_sort(tokens);
    return ECOM_OK;
}

static int word_entries(const void *item, struct ecom__entries *out)
{
    struct ecom__tokens tokens = {.arena = out->arena};

    if (tokens_of(item, &tokens) < 0)
        return ECOM_E_NOMEM;
    for (size_t i = 0; i < tokens.n; i++)
        if (ecom__entries_add(out, WORD_INDEX, tokens.v[i], 0) < 0)
            return ECOM_E_NOMEM;
    return ECOM_OK;
}

int ecom_products_new(const ecom_products_options *opts, ecom_products **out, ecom_error *err)
{
    ecom_products_options o;

    ecom__options_copy(&o, sizeof(o), opts);
    int r = ecom__check_store(o.store, err);
    if (r < 0)
        return r;
    ecom_products *products = calloc(1, sizeof(*products));
    if (!products)
        return ecom__nomem(err);
    products->c =
        (struct ecom__collection){o.store, "products", &ecom_product_record, word_entries};
    products->env = o.env ? o.env : ecom_env_system();
    products->log = o.log;
    ecom__flights_init(&products->flights);
    *out = products;
    return ECOM_OK;
}

void ecom_products_free(ecom_products *products)
{
    if (!products)
        return;
    ecom__flights_clear(&products->flights);
    free(products);
}

static int is_blank(ecom_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' && !(s.p[i] >= '\t' && s.p[i] <= '\r'))
            return 0;
    return 1;
}

/* The request as it is compared with a later one: what it leaves out is the default. */
static int complete(const ecom_product_request *request, ecom_product_request *out, ecom_error *err)
{
    int r = ecom_record_check(&ecom_product_request_record, request, err);

    if (r < 0)
        return r;
    if (is_blank(request->name))
        return ecom_fail_field(err, ECOM_E_INVAL, "name", "must not be blank");
    *out = *request;
    if (!out->currency.p)
        out->currency = ecom_str_of("USD");
    if (out->stock == ECOM_ABSENT)
        out->stock = 0;
    return ECOM_OK;
}

static int new_product(ecom_products *products, const ecom_product_request *request,
                       const ecom_caller *caller, ecom_arena *arena, ecom_product *product,
                       ecom_error *err)
{
    const ecom_id id = ecom_id_new(products->env);

    ecom_record_init(&ecom_product_record, product);
    product->id = ecom_str_of(id.s);
    product->name = request->name;
    product->description = request->description;
    product->price = request->price;
    product->currency = request->currency;
    product->stock = request->stock;
    product->sku = request->sku;
    if (caller && caller->user_id.n)
        product->seller_id = caller->user_id;
    product->created_at = product->updated_at = ecom_env_now_ms(products->env);
    return ecom__own(&ecom_product_record, product, arena, err);
}

int ecom_products_create(ecom_products *products, const ecom_product_request *request,
                         const ecom_caller *caller, ecom_arena *arena, ecom_product *out,
                         int *replayed, ecom_error *err)
{
    ecom_product_request asked;
    const struct ecom__creation creation = {
        .c = &products->c,
        .env = products->env,
        .flights = &products->flights,
        .caller = caller,
        .request_record = &ecom_product_request_record,
        .request = &asked,
    };
    ecom_product product;
    int again, r = complete(request, &asked, err);

    if (r == ECOM_OK)
        r = new_product(products, &asked, caller, arena, &product, err);
    if (r == ECOM_OK)
        r = ecom__create(&creation, &product, arena, &again, err);
    if (r == ECOM_E_EXISTS)
        return ecom_fail_field(err, r, "sku", "another product has it");
    if (r < 0)
        return r;
    if (!again)
        ecom__log_item(products->log, caller ? caller->correlation_id : (ecom_str){NULL, 0},
                       "product made", "productId", product.id);
    if (replayed)
        *replayed = again;
    *out = product;
    return ECOM_OK;
}

int ecom_products_get(ecom_products *products, ecom_str id, ecom_arena *arena, ecom_product *out,
                      ecom_error *err)
{
    ecom_product product;
    int r = ecom__load(&products->c, id, arena, &product, NULL, err);

    if (r == ECOM_OK)
        *out = product;
    return r;
}

int ecom_products_get_many(ecom_products *products, const ecom_str *ids, size_t n,
                           ecom_arena *arena, ecom_product **out, size_t *found, ecom_error *err)
{
    void *items;
    int r = ecom__load_many(&products->c, ids, n, NULL, NULL, arena, &items, found, err);

    if (r == ECOM_OK)
        *out = items;
    return r;
}

/* A search: its words, and which of them is the longest: the one that the fewest have, likely. */
struct search {
    struct ecom__words words[ECOM_SEARCH_WORDS];
    size_t n, longest;
};

static int parse_search(ecom_str text, struct search *search, ecom_error *err)
{
    struct ecom__words words = {.rest = text};

    while (ecom__words_next(&words)) {
        if (search->n == ECOM_SEARCH_WORDS)
            return ecom_fail_field(err, ECOM_E_INVAL, "search", "at most %d words",
                                   ECOM_SEARCH_WORDS);
        if (words.n > search->words[search->longest].n)
            search->longest = search->n;
        search->words[search->n++] = words;
    }
    return ECOM_OK;
}

static ecom_str word_of(const struct ecom__words *words)
{
    return (ecom_str){words->word, words->n};
}

/* Which words of the search, one a bit, are among the first words of a text.
 * @param prefix  1: a word of the text need only begin with it. */
static unsigned words_in(const struct search *search, ecom_str text, size_t most, int prefix)
{
    struct ecom__words words = {.rest = text};
    unsigned found = 0;

    for (size_t k = 0; k < most && ecom__words_next(&words); k++)
        for (size_t i = 0; i < search->n; i++) {
            ecom_str want = word_of(&search->words[i]), have = word_of(&words);
            if (prefix && have.n > want.n)
                have.n = want.n;
            found |= (unsigned)ecom_str_eq(want, have) << i;
        }
    return found;
}

static int has_all(void *user, const void *item)
{
    const struct search *search = user;
    const ecom_product *product = item;

    return (words_in(search, product->name, MAX_NAME, 1) |
            words_in(search, product->description, ECOM_DESCRIPTION_WORDS, 0)) ==
           (1u << search->n) - 1;
}

static int list_ids(ecom_products *products, ecom_str text, ecom_arena *arena,
                    ecom_product_page *out, ecom_error *err)
{
    ecom_list items = {NULL, 0};
    ecom_str *ids;
    size_t n;
    int r = ecom_ids_split(text, arena, &ids, &n, err);

    if (r == ECOM_OK)
        r = ecom__load_many(&products->c, ids, n, NULL, NULL, arena, &items.items, &items.n, err);
    if (r == ECOM_OK)
        *out = (ecom_product_page){.items = items};
    return r;
}

int ecom_products_list(ecom_products *products, const ecom_product_query *query, ecom_arena *arena,
                       ecom_product_page *out, ecom_error *err)
{
    struct search search = {.n = 0};
    struct ecom__range range = {.first = ECOM_ABSENT};
    int r = query ? ecom_record_check(&ecom_product_query_record, query, err) : ECOM_OK;

    if (r < 0)
        return r;
    if (query && query->ids.p)
        return list_ids(products, query->ids, arena, out, err);
    if (query) {
        range.first = query->first;
        range.after = query->after;
        if ((r = parse_search(query->search, &search, err)) < 0)
            return r;
    }
    if (search.n) {
        range.index = WORD_INDEX;
        range.value = word_of(&search.words[search.longest]);
    }
    if (search.n > 1) { /* the index finds the longest, has_all() the others */
        range.keep = has_all;
        range.user = &search;
        range.max_scan = ECOM_SEARCH_SCAN;
    }
    return ecom__page(&products->c, &range, arena, &out->items, &out->next_cursor, err);
}
