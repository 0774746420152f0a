#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "shop/collection.h"

enum { CHUNK = 100 }; /* rows of one find where some are passed over */

ecom_cursor ecom_cursor_of(ecom_str id)
{
    ecom_cursor cursor = {{0}};

    if (id.n <= ECOM_STORE_MAX_ID)
        sodium_bin2base64(cursor.s, sizeof(cursor.s), (const unsigned char *)id.p, id.n,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return cursor;
}

/* The id in a cursor. */
static int cursor_id(ecom_str cursor, char id[ECOM_STORE_MAX_ID], size_t *n, ecom_error *err)
{
    int good = cursor.n <= ECOM_CURSOR_MAX &&
               sodium_base642bin((unsigned char *)id, ECOM_STORE_MAX_ID, cursor.p, cursor.n, NULL,
                                 n, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0;

    for (size_t i = 0; good && i < *n; i++)
        good = id[i] > ' ' && id[i] <= '~';
    if (!good)
        return ecom_fail_field(err, ECOM_E_INVAL, "after",
                               "is no cursor: hand back a nextCursor as it came");
    return ECOM_OK;
}

static size_t count_ids(ecom_str text)
{
    size_t n = 1;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == ',';
    return n;
}

int ecom__ids_split(const char *field, ecom_str text, ecom_arena *arena, ecom_str **ids, size_t *n,
                    ecom_error *err)
{
    size_t count = count_ids(text), start = 0, have = 0;

    if (count > ECOM_IDS_MAX)
        return ecom_fail_field(err, ECOM_E_INVAL, field, "at most %d at once, not %zu",
                               ECOM_IDS_MAX, count);
    ecom_str *v = ecom_arena_alloc(arena, count * sizeof(*v));
    if (!v)
        return ecom__nomem(err);
    for (size_t i = 0; i <= text.n; i++) {
        if (i < text.n && text.p[i] != ',')
            continue;
        if (i == start)
            return ecom_fail_field(err, ECOM_E_INVAL, field, "number %zu is empty", have + 1);
        v[have++] = (ecom_str){text.p + start, i - start};
        start = i + 1;
    }
    *ids = v;
    *n = have;
    return ECOM_OK;
}

int ecom_ids_split(ecom_str text, ecom_arena *arena, ecom_str **ids, size_t *n, ecom_error *err)
{
    return ecom__ids_split("ids", text, arena, ids, n, err);
}

/* A page as it fills: one item more than asked for says that there is another page. */
struct page {
    const struct ecom__collection *c;
    const struct ecom__range *range;
    ecom_arena *arena, *scratch; /* scratch: for items that may be passed over */
    char *items;
    size_t n, first;
    uint32_t scanned;
    char last[ECOM_STORE_MAX_ID]; /* id of the last row looked at */
    size_t last_n;
    int r;
    ecom_error *err;
};

/* Is it one that the range wants? Reads it into memory that is forgotten with the next row. */
static int wanted(struct page *page, const ecom_row *row, void *item)
{
    if (!page->range->keep)
        return 1;
    ecom_arena_reset(page->scratch);
    page->r = ecom__read(page->c, row->id, row->doc, page->scratch, item, page->err);
    return page->r == ECOM_OK && page->range->keep(page->range->user, item);
}

static int page_row(void *user, const ecom_row *row)
{
    struct page *page = user;
    void *item = page->items + page->n * page->c->record->size;

    assert(row->id.n <= sizeof(page->last));
    memcpy(page->last, row->id.p, row->id.n);
    page->last_n = row->id.n;
    page->scanned++;
    if (wanted(page, row, item)) {
        page->r = ecom__read(page->c, row->id, row->doc, page->arena, item, page->err);
        page->n += page->r == ECOM_OK;
    }
    return page->r < 0 || page->n > page->first;
}

/* One find, from behind the last row on. */
static int find_more(struct page *page, int *more)
{
    const struct ecom__range *range = page->range;
    uint32_t chunk = range->keep ? CHUNK : (uint32_t)page->first + 1;
    char after[ECOM_STORE_MAX_ID];

    if (range->keep && chunk > range->max_scan - page->scanned)
        chunk = range->max_scan - page->scanned;
    memcpy(after, page->last, page->last_n);
    const ecom_query query = {
        .collection = ecom_str_of(page->c->name),
        .index = ecom_str_of(range->index),
        .from = range->value,
        .to = range->value,
        .descending = 1,
        .after_value = page->last_n ? range->value : (ecom_str){NULL, 0},
        .after_id = {after, page->last_n},
        .limit = chunk,
    };
    int r = ecom_store_find(page->c->store, &query, page_row, page, more, page->err);
    return r < 0 ? r : page->r;
}

/* Until the page is full, the list at its end, or enough looked at. */
static int fill(struct page *page, int *more)
{
    int r;

    do {
        *more = 0;
        r = find_more(page, more);
    } while (r == ECOM_OK && *more && page->n <= page->first && page->range->keep &&
             page->scanned < page->range->max_scan);
    return r;
}

/* The cursor of the next page; empty when this was the last. */
static int next_cursor(struct page *page, int more, ecom_str *next)
{
    ecom_str id = {page->last, page->last_n};

    *next = (ecom_str){NULL, 0};
    if (page->n > page->first)
        id = *(const ecom_str *)(page->items + (page->first - 1) * page->c->record->size);
    else if (!more)
        return ECOM_OK;
    ecom_cursor cursor = ecom_cursor_of(id);
    *next = ecom_arena_copy(page->arena, ecom_str_of(cursor.s));
    return next->p ? ECOM_OK : ECOM_E_NOMEM;
}

int ecom__page(const struct ecom__collection *c, const struct ecom__range *range, ecom_arena *arena,
               ecom_list *items, ecom_str *next, ecom_error *err)
{
    struct page page = {.c = c, .range = range, .arena = arena, .err = err};
    int more = 0, r = ECOM_OK;
    ecom_str cursor;

    page.first = range->first == ECOM_ABSENT ? ECOM_PAGE_DEFAULT : (size_t)range->first;
    assert(page.first >= 1 && page.first <= ECOM_PAGE_MAX);
    if (range->after.n && (r = cursor_id(range->after, page.last, &page.last_n, err)) < 0)
        return r;
    if (range->keep && !(page.scratch = ecom_arena_new(0)))
        return ecom__nomem(err);
    page.items = ecom_arena_alloc(arena, (page.first + 1) * c->record->size);
    if (!page.items)
        r = ecom__nomem(err);
    if (r == ECOM_OK)
        r = fill(&page, &more);
    if (r == ECOM_OK && next_cursor(&page, more, &cursor) < 0)
        r = ecom__nomem(err);
    if (r == ECOM_OK) {
        *items = (ecom_list){page.items, page.n < page.first ? page.n : page.first};
        *next = cursor;
    }
    ecom_arena_free(page.scratch);
    return r;
}
