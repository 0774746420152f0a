#include "store/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int make_room(struct ecom__entries *entries)
{
    if (entries->n < entries->room)
        return ECOM_OK;
    size_t room = entries->room ? entries->room * 2 : 8;
    ecom_entry *v = ecom_arena_alloc(entries->arena, room * sizeof(*v));
    if (!v)
        return ECOM_E_NOMEM;
    if (entries->n)
        memcpy(v, entries->v, entries->n * sizeof(*v));
    entries->v = v;
    entries->room = room;
    return ECOM_OK;
}

static int add(struct ecom__entries *entries, const ecom_entry *entry)
{
    if (make_room(entries) < 0)
        return ECOM_E_NOMEM;
    entries->v[entries->n++] = *entry;
    return ECOM_OK;
}

int ecom__entries_add(struct ecom__entries *entries, const char *index, ecom_str value, int unique)
{
    const ecom_entry entry = {ecom_str_of(index), value, unique};

    return value.n ? add(entries, &entry) : ECOM_OK;
}

/* A number as text that sorts as numbers do: all bits in hexadecimal, negative ones first. */
static ecom_str sortable(int64_t n, char text[25])
{
    if (n == ECOM_ABSENT)
        return (ecom_str){NULL, 0};
    snprintf(text, 25, "%016" PRIx64, (uint64_t)n ^ UINT64_C(1) << 63);
    return ecom_str_of(text);
}

static ecom_str time_text(int64_t ms, char text[25])
{
    if (ms == ECOM_ABSENT)
        return (ecom_str){NULL, 0};
    ecom_time_format(ms, text);
    return ecom_str_of(text);
}

/* The value of a field in its index; empty when it is absent. */
static ecom_str index_value(const ecom_field *field, const void *in, char text[25])
{
    const void *member = (const char *)in + field->offset;

    switch ((ecom_type)field->type) {
    case ECOM_TYPE_STRING:
    case ECOM_TYPE_ID:
    case ECOM_TYPE_EMAIL:
    case ECOM_TYPE_CURRENCY:
        return *(const ecom_str *)member;
    case ECOM_TYPE_INT:
    case ECOM_TYPE_MONEY:
        return sortable(*(const int64_t *)member, text);
    case ECOM_TYPE_TIME:
        return time_text(*(const int64_t *)member, text);
    case ECOM_TYPE_ENUM: {
        int32_t i = *(const int32_t *)member;
        return i == ECOM_ABSENT32 ? (ecom_str){NULL, 0} : ecom_str_of(field->names[i]);
    }
    case ECOM_TYPE_BOOL: {
        int32_t truth = *(const int32_t *)member;
        return truth == ECOM_ABSENT32 ? (ecom_str){NULL, 0} : ecom_str_of(truth ? "1" : "0");
    }
    case ECOM_TYPE_RECORD:
    case ECOM_TYPE_LIST:
        break;
    }
    return (ecom_str){NULL, 0};
}

int ecom__entries_derive(struct ecom__entries *entries, const ecom_record *record, const void *in)
{
    for (size_t i = 0; i < record->nfields; i++) {
        const ecom_field *field = &record->fields[i];
        char text[25];

        if (!(field->flags & (ECOM_INDEX | ECOM_UNIQUE)))
            continue;
        ecom_str value = index_value(field, in, text);
        if (value.p == text && !(value = ecom_arena_copy(entries->arena, value)).p)
            return ECOM_E_NOMEM;
        if (ecom__entries_add(entries, field->name, value, !!(field->flags & ECOM_UNIQUE)) < 0)
            return ECOM_E_NOMEM;
    }
    return ECOM_OK;
}

int ecom__record_change(const ecom_record *record, const void *in, struct ecom__entries *entries,
                        ecom_buf *doc, ecom_change *change, ecom_error *err)
{
    size_t before = entries->n;

    if (ecom__entries_derive(entries, record, in) < 0 ||
        ecom_record_write(record, in, ECOM_VIEW_STORE, doc) < 0) {
        ecom_buf_free(doc);
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    }
    for (size_t i = before; i < entries->n; i++)
        if (entries->v[i].value.n > ECOM_STORE_MAX_VALUE) {
            ecom_buf_free(doc);
            return ecom_fail_field(err, ECOM_E_TOOLARGE, entries->v[i].index.p,
                                   "has %zu bytes, in an index the limit is %d",
                                   entries->v[i].value.n, ECOM_STORE_MAX_VALUE);
        }
    change->doc = ecom_buf_str(doc);
    change->entries = entries->v;
    change->nentries = entries->n;
    return ECOM_OK;
}

int ecom_store_put_record(ecom_store *store, const ecom_change *change, const ecom_record *record,
                          const void *in, ecom_arena *arena, uint64_t *rev, ecom_error *err)
{
    struct ecom__entries entries = {.arena = arena};
    ecom_change filled = *change;
    ecom_buf doc = {0};
    int r = ecom_record_check(record, in, err);

    for (size_t i = 0; i < change->nentries && r == ECOM_OK; i++)
        if (add(&entries, &change->entries[i]) < 0)
            r = ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    if (r == ECOM_OK)
        r = ecom__record_change(record, in, &entries, &doc, &filled, err);
    if (r == ECOM_OK)
        r = ecom_store_put(store, &filled, rev, err);
    ecom_buf_free(&doc);
    return r;
}

int ecom__record_of_doc(const ecom_record *record, ecom_str collection, ecom_str id, ecom_str doc,
                        ecom_arena *arena, void *out, ecom_error *err)
{
    ecom_error why = {0};
    int r = ecom_record_read(record, doc, NULL, arena, out, &why);

    if (r == ECOM_OK)
        return ECOM_OK;
    if (r == ECOM_E_NOMEM)
        return ecom_fail(err, r, "out of memory");
    return ecom_fail(err, ECOM_E_CORRUPT, "stored document %.*s/%.*s: %s", (int)collection.n,
                     collection.p, (int)id.n, id.p, why.text);
}

int ecom_store_get_record(ecom_store *store, ecom_str collection, ecom_str id,
                          const ecom_record *record, ecom_arena *arena, void *out, uint64_t *rev,
                          ecom_error *err)
{
    ecom_buf doc = {0};
    uint64_t read = 0;
    int r = ecom_store_get(store, collection, id, &doc, &read, err);

    if (r == ECOM_E_NOTFOUND)
        ecom_fail(err, r, "there is no %s with this id", record->name);
    if (r == ECOM_OK)
        r = ecom__record_of_doc(record, collection, id, ecom_buf_str(&doc), arena, out, err);
    if (r == ECOM_OK && rev)
        *rev = read;
    ecom_buf_free(&doc);
    return r;
}
