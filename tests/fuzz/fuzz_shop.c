#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "ecom/product.h"
#include "ecom/user.h"
#include "shop/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

/* Words are UTF-8, bounded, and words of themselves: what is searched for is found. */
static void check_words(ecom_str text)
{
    struct ecom__words words = {.rest = text};

    while (ecom__words_next(&words)) {
        struct ecom__words again = {.rest = {words.word, words.n}};
        must(words.n > 0 && words.n <= ECOM__WORD_MAX && ecom__utf8_valid(again.rest));
        must(ecom__words_next(&again) && again.n == words.n);
        must(memcmp(again.word, words.word, words.n) == 0 && !ecom__words_next(&again));
    }
}

static void check_ids(ecom_str text, ecom_arena *arena)
{
    ecom_str *ids;
    size_t n, bytes = 0;

    if (ecom_ids_split(text, arena, &ids, &n, NULL) < 0)
        return;
    for (size_t i = 0; i < n; i++) {
        must(ids[i].n > 0 && !memchr(ids[i].p, ',', ids[i].n));
        bytes += ids[i].n;
    }
    must(n >= 1 && n <= ECOM_IDS_MAX && bytes + n - 1 == text.n);
}

static void check_email(ecom_str text)
{
    ecom_buf once = {0}, twice = {0};

    must(ecom_email_key(text, &once) == ECOM_OK);
    must(ecom_email_key(ecom_buf_str(&once), &twice) == ECOM_OK);
    must(ecom_str_eq(ecom_buf_str(&once), ecom_buf_str(&twice)));
    ecom_buf_free(&once);
    ecom_buf_free(&twice);
}

static int is_id(ecom_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return 0;
    return s.n > 0 && s.n <= ECOM_STORE_MAX_ID;
}

/* Any text as a cursor and as a search is answered or refused; a cursor of an id is taken. */
static void check_list(ecom_products *products, ecom_str text, ecom_arena *arena)
{
    const ecom_cursor cursor = ecom_cursor_of(text);
    ecom_product_query query;
    ecom_product_page page;

    ecom_record_init(&ecom_product_query_record, &query);
    query.after = text;
    query.search = text;
    int r = ecom_products_list(products, &query, arena, &page, NULL);
    must(r == ECOM_OK || r == ECOM_E_INVAL);
    ecom_record_init(&ecom_product_query_record, &query);
    query.after = ecom_str_of(cursor.s);
    if (is_id(text))
        must(ecom_products_list(products, &query, arena, &page, NULL) == ECOM_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static ecom_store *store;
    static ecom_products *products;
    const ecom_str text = {(const char *)data, n};
    ecom_arena *arena = ecom_arena_new(0);

    if (!store) {
        must(ecom_store_open("memory:fuzz-shop", NULL, &store, NULL) == ECOM_OK);
        const ecom_products_options opts = {.size = sizeof(opts), .store = store};
        must(ecom_products_new(&opts, &products, NULL) == ECOM_OK);
    }
    must(arena != NULL);
    check_words(text);
    check_ids(text, arena);
    check_email(text);
    check_list(products, text, arena);
    ecom_arena_free(arena);
    return 0;
}
