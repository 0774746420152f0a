#include "mongodb/document.h"

#include <stdlib.h>
#include <string.h>

#include "mongodb/bson_json.h"

enum { EVENTS_A_CHANGE = ECOM_STORE_MAX_EVENTS, FEW_BYTES = 256 };

int ecom__mdb_key(ecom_str index, ecom_str value, ecom_buf *out)
{
    if (ecom_buf_reserve(out, index.n + 1 + value.n * 2) < 0)
        return ECOM_E_NOMEM;
    memcpy(out->p + out->n, index.p, index.n);
    out->n += index.n;
    out->p[out->n++] = '=';
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (c >= 0x80)
            out->p[out->n++] = (char)(0xC0 | c >> 6);
        out->p[out->n++] = (char)(c < 0x80 ? c : 0x80 | (c & 0x3F));
    }
    out->p[out->n] = '\0';
    return ECOM_OK;
}

int ecom__mdb_key_value(ecom_str key, ecom_str index, ecom_buf *out)
{
    if (key.n <= index.n || memcmp(key.p, index.p, index.n) != 0 || key.p[index.n] != '=')
        return 0;
    if (ecom_buf_reserve(out, key.n) < 0)
        return ECOM_E_NOMEM;
    for (size_t i = index.n + 1; i < key.n; i++) {
        unsigned char c = (unsigned char)key.p[i];
        if (c >= 0xC0 && i + 1 < key.n)
            c = (unsigned char)(c << 6 | ((unsigned char)key.p[++i] & 0x3F));
        out->p[out->n++] = (char)c;
    }
    out->p[out->n] = '\0';
    return 1;
}

ecom_str ecom__mdb_bytes(const bson_iter_t *at)
{
    ecom_str bytes = {NULL, 0};
    const uint8_t *data = NULL;
    uint32_t n = 0;

    if (BSON_ITER_HOLDS_UTF8(at)) {
        bytes.p = bson_iter_utf8(at, &n);
    } else if (BSON_ITER_HOLDS_BINARY(at)) {
        bson_iter_binary(at, NULL, &n, &data);
        bytes.p = data ? (const char *)data : "";
    }
    bytes.n = n;
    return bytes;
}

void ecom__mdb_append_bytes(bson_t *to, const char *name, ecom_str bytes)
{
    if (ecom__bson_is_text(bytes))
        bson_append_utf8(to, name, -1, bytes.n ? bytes.p : "", (int)bytes.n);
    else
        bson_append_binary(to, name, -1, BSON_SUBTYPE_BINARY, (const uint8_t *)bytes.p,
                           (uint32_t)bytes.n);
}

void ecom__mdb_append_unset(ecom__bson *to, ecom_str name)
{
    ecom__bson_text(to, name, ECOM__BSON_NAME(""));
}

void ecom__mdb_append_id(bson_t *ids, uint32_t n, ecom_str id)
{
    char number[16];
    const char *index;
    size_t length = bson_uint32_to_string(n, &index, number, sizeof(number));

    bson_append_utf8(ids, index, (int)length, id.p, (int)id.n);
}

void ecom__mdb_append_any_of(bson_t *filter, const bson_t *ids)
{
    bson_t any;

    BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &any);
    BSON_APPEND_ARRAY(&any, "$in", ids);
    bson_append_document_end(filter, &any);
}

static int entry_order(const void *a, const void *b)
{
    const ecom_entry *x = *(const ecom_entry *const *)a, *y = *(const ecom_entry *const *)b;
    int r = ecom_str_cmp(x->index, y->index);

    return r ? r : ecom_str_cmp(x->value, y->value);
}

/* The keys of entries in order, none twice, as an array; those that are unique, or all. */
static void append_keys(ecom__bson *to, ecom_str name, const ecom_entry *const *sorted, size_t n,
                        int unique)
{
    size_t array = ecom__bson_begin_in(to, BSON_TYPE_ARRAY, name);
    const ecom_entry *last = NULL;
    char number[16];
    uint32_t count = 0;

    for (size_t i = 0; to->r == ECOM_OK && i < n; i++) {
        if ((unique && !sorted[i]->unique) || (last && entry_order(&last, &sorted[i]) == 0))
            continue;
        last = sorted[i];
        size_t key = ecom__bson_begin_text(to, ecom__bson_item(count++, number));
        if (to->r == ECOM_OK)
            to->r = ecom__mdb_key(last->index, last->value, &to->bytes);
        ecom__bson_end_text(to, key);
    }
    ecom__bson_end(to, array);
}

static int add_keys(const ecom_change *change, ecom__mdb_content *content)
{
    const ecom_entry **sorted = calloc(change->nentries + 1, sizeof(*sorted));
    int unique = 0;

    if (!sorted)
        return ECOM_E_NOMEM;
    for (size_t i = 0; i < change->nentries; i++) {
        sorted[i] = &change->entries[i];
        unique |= change->entries[i].unique;
    }
    qsort(sorted, change->nentries, sizeof(*sorted), entry_order);
    if (change->nentries)
        append_keys(&content->has, ECOM__BSON_NAME("keys"), sorted, change->nentries, 0);
    else
        ecom__mdb_append_unset(&content->lacks, ECOM__BSON_NAME("keys"));
    if (unique)
        append_keys(&content->has, ECOM__BSON_NAME("unique"), sorted, change->nentries, 1);
    else
        ecom__mdb_append_unset(&content->lacks, ECOM__BSON_NAME("unique"));
    free(sorted);
    return ECOM_OK;
}

/* Fields, as far as they and the text, if that is needed too, find room in a document. */
static int add_doc(ecom_str doc, ecom__mdb_content *content)
{
    ecom__bson *has = &content->has;
    const size_t before = has->bytes.n;
    int exact = 0;

    ecom__bson_name(has, BSON_TYPE_DOCUMENT, ECOM__BSON_NAME("doc"));
    int r = ecom__bson_from_json(doc, has, &exact);
    if (r == ECOM_E_NOMEM)
        return r;
    if (r < 0 || (!exact && has->bytes.n - before + doc.n >= ECOM__MDB_MAX_BYTES)) {
        has->bytes.n = before;
        exact = 0;
        ecom__mdb_append_unset(&content->lacks, ECOM__BSON_NAME("doc"));
    }
    if (exact)
        ecom__mdb_append_unset(&content->lacks, ECOM__BSON_NAME("text"));
    else
        ecom__bson_bytes(has, ECOM__BSON_NAME("text"), doc);
    return ECOM_OK;
}

int ecom__mdb_content_init(const ecom_change *change, ecom__mdb_content *content, ecom_error *err)
{
    ecom__bson *has = &content->has, *lacks = &content->lacks;

    *content = (ecom__mdb_content){0};
    ecom__bson_expect(has, change->doc.n * 3 / 2 + FEW_BYTES);
    ecom__bson_begin(has);
    ecom__bson_begin(lacks);
    int r = add_doc(change->doc, content);
    if (r == ECOM_OK)
        r = add_keys(change, content);
    ecom__bson_end(has, 0);
    ecom__bson_end(lacks, 0);
    if (r == ECOM_OK && has->r == ECOM_OK && lacks->r == ECOM_OK)
        return ECOM_OK;
    ecom__mdb_content_clear(content);
    return ecom_fail(err, ECOM_E_NOMEM, "no memory for a document of %zu bytes", change->doc.n);
}

void ecom__mdb_content_clear(ecom__mdb_content *content)
{
    ecom_buf_free(&content->has.bytes);
    ecom_buf_free(&content->lacks.bytes);
}

int64_t ecom__mdb_event_number(uint64_t rev, size_t i)
{
    return (int64_t)(rev * EVENTS_A_CHANGE + i);
}

static void append_headers(ecom__bson *to, const ecom_msg *msg)
{
    size_t array = ecom__bson_begin_in(to, BSON_TYPE_ARRAY, ECOM__BSON_NAME("headers"));
    char number[16];

    for (size_t i = 0; i < msg->nheaders; i++) {
        size_t header =
            ecom__bson_begin_in(to, BSON_TYPE_DOCUMENT, ecom__bson_item((uint32_t)i, number));
        ecom__bson_bytes(to, ECOM__BSON_NAME("name"), msg->headers[i].name);
        ecom__bson_bytes(to, ECOM__BSON_NAME("value"), msg->headers[i].value);
        ecom__bson_end(to, header);
    }
    ecom__bson_end(to, array);
}

static void append_event(ecom__bson *to, const ecom_store_write *write, uint64_t rev, size_t i)
{
    const ecom_msg *msg = &write->change->events[i];

    ecom__bson_int64(to, ECOM__BSON_NAME("n"), ecom__mdb_event_number(rev, i));
    ecom__bson_bytes(to, ECOM__BSON_NAME("by"), write->origin);
    ecom__bson_time(to, ECOM__BSON_NAME("since"), write->now_ms);
    ecom__bson_bytes(to, ECOM__BSON_NAME("id"), msg->id);
    ecom__bson_bytes(to, ECOM__BSON_NAME("topic"), msg->topic);
    ecom__bson_bytes(to, ECOM__BSON_NAME("key"), msg->key);
    ecom__bson_int64(to, ECOM__BSON_NAME("time"), msg->time_ms);
    if (msg->nheaders)
        append_headers(to, msg);
    ecom__bson_bytes(to, ECOM__BSON_NAME("body"), msg->body);
}

void ecom__mdb_append_events(ecom__bson *to, ecom_str name, const ecom_store_write *write,
                             uint64_t rev)
{
    size_t array = ecom__bson_begin_in(to, BSON_TYPE_ARRAY, name);
    char number[16];

    for (size_t i = 0; i < write->change->nevents; i++) {
        size_t event =
            ecom__bson_begin_in(to, BSON_TYPE_DOCUMENT, ecom__bson_item((uint32_t)i, number));
        append_event(to, write, rev, i);
        ecom__bson_end(to, event);
    }
    ecom__bson_end(to, array);
}

static size_t read_headers(const bson_iter_t *at, ecom_header headers[ECOM_BUS_MAX_HEADERS])
{
    bson_iter_t array, header;
    size_t n = 0;

    if (!BSON_ITER_HOLDS_ARRAY(at) || !bson_iter_recurse(at, &array))
        return 0;
    while (n < ECOM_BUS_MAX_HEADERS && bson_iter_next(&array)) {
        if (!BSON_ITER_HOLDS_DOCUMENT(&array) || !bson_iter_recurse(&array, &header))
            continue;
        headers[n] = (ecom_header){{NULL, 0}, {NULL, 0}};
        while (bson_iter_next(&header)) {
            const char *key = bson_iter_key(&header);
            if (strcmp(key, "name") == 0)
                headers[n].name = ecom__mdb_bytes(&header);
            else if (strcmp(key, "value") == 0)
                headers[n].value = ecom__mdb_bytes(&header);
        }
        n += headers[n].name.n != 0;
    }
    return n;
}

int ecom__mdb_read_event(const bson_iter_t *at, int64_t *number, ecom_pending *out,
                         ecom_header headers[ECOM_BUS_MAX_HEADERS], ecom_error *err)
{
    bson_iter_t event;

    *number = 0;
    if (!BSON_ITER_HOLDS_DOCUMENT(at) || !bson_iter_recurse(at, &event))
        return ecom_fail(err, ECOM_E_CORRUPT, "what waits to be published is no event");
    while (bson_iter_next(&event)) {
        const char *key = bson_iter_key(&event);
        if (strcmp(key, "n") == 0 && BSON_ITER_HOLDS_NUMBER(&event))
            *number = bson_iter_as_int64(&event);
        else if (strcmp(key, "since") == 0 && BSON_ITER_HOLDS_DATE_TIME(&event))
            out->since_ms = bson_iter_date_time(&event);
        else if (strcmp(key, "time") == 0 && BSON_ITER_HOLDS_NUMBER(&event))
            out->msg.time_ms = bson_iter_as_int64(&event);
        else if (strcmp(key, "id") == 0)
            out->msg.id = ecom__mdb_bytes(&event);
        else if (strcmp(key, "topic") == 0)
            out->msg.topic = ecom__mdb_bytes(&event);
        else if (strcmp(key, "key") == 0)
            out->msg.key = ecom__mdb_bytes(&event);
        else if (strcmp(key, "body") == 0)
            out->msg.body = ecom__mdb_bytes(&event);
        else if (strcmp(key, "headers") == 0)
            out->msg.nheaders = read_headers(&event, headers);
    }
    out->msg.headers = headers;
    if (!*number || !out->msg.id.n || !out->msg.topic.n)
        return ecom_fail(err, ECOM_E_CORRUPT, "an event that waits lacks n, id or topic");
    return ECOM_OK;
}

/* A text counts as long as nobody changed the fields beside it. */
static int text_holds(ecom_str text, const bson_t *fields)
{
    ecom__bson made = {0};
    bson_t same;
    int holds = ecom__bson_from_json(text, &made, NULL) == ECOM_OK &&
                ecom__bson_view(&made, 0, &same) && bson_equal(&same, fields);

    ecom_buf_free(&made.bytes);
    return holds;
}

int ecom__mdb_read_doc(const bson_t *stored, ecom_buf *out, ecom_error *err)
{
    bson_iter_t at;
    bson_t fields;
    const uint8_t *data = NULL;
    uint32_t n = 0;
    ecom_str text = {NULL, 0};
    int has_fields = 0;

    if (bson_iter_init_find(&at, stored, "text"))
        text = ecom__mdb_bytes(&at);
    if (bson_iter_init_find(&at, stored, "doc") && BSON_ITER_HOLDS_DOCUMENT(&at)) {
        bson_iter_document(&at, &n, &data);
        has_fields = bson_init_static(&fields, data, n);
    }
    if (has_fields && (!text.p || !text_holds(text, &fields)))
        return ecom__bson_to_json(&fields, out, err);
    if (!text.p)
        return ecom_fail(err, ECOM_E_CORRUPT, "the document has neither doc nor text");
    if (ecom_buf_append(out, text) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a document of %zu bytes", text.n);
    return ECOM_OK;
}
