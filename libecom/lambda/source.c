#include "lambda/source.h"

#include <string.h>

#include "ecom/lambda.h"
#include "lambda/base64.h"

/* A Kafka header is an array of bytes, each a value: hence so many. */
static const ecom_json_limits limits = {
    .size = sizeof(limits),
    .max_bytes = ECOM_LAMBDA_MAX_EVENT,
    .max_depth = 32,
    .max_keys = 10000,
    .max_nodes = 200000,
};

static int nomem(ecom_error *err)
{
    return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
}

static ecom_str text_of(const ecom_json *object, const char *name)
{
    const ecom_json *value = ecom_json_get(object, name);

    return value && value->kind == ECOM_JSON_STRING ? value->text : (ecom_str){NULL, 0};
}

static int is_text(const ecom_json *object, const char *name, const char *want)
{
    return ecom_str_eq(text_of(object, name), ecom_str_of(want));
}

static int add_items(struct source *source, size_t n, ecom_arena *arena, ecom_error *err)
{
    if (n > SOURCE_MAX_ITEMS)
        return ecom_fail(err, ECOM_E_TOOLARGE, "the batch has %zu messages, more than %d", n,
                         SOURCE_MAX_ITEMS);
    source->items = ecom_arena_alloc(arena, (n ? n : 1) * sizeof(*source->items));
    return source->items ? ECOM_OK : nomem(err);
}

/* The message cannot be read: it stays in the list, with the reason. */
static int spoil(struct source_item *item, const ecom_error *why, ecom_arena *arena,
                 ecom_error *err)
{
    if (why->code == ECOM_E_NOMEM)
        return nomem(err);
    item->why = ecom_arena_alloc(arena, sizeof(*why));
    if (!item->why)
        return nomem(err);
    *item->why = *why;
    return ECOM_OK;
}

/* @return ECOM_OK when it is not there or null, too. */
static int decode(const ecom_json *record, const char *name, ecom_arena *arena, ecom_str *out,
                  ecom_error *err)
{
    const ecom_json *value = ecom_json_get(record, name);
    ecom_error why;

    if (!value || value->kind == ECOM_JSON_NULL)
        return ECOM_OK;
    if (value->kind != ECOM_JSON_STRING)
        return ecom_fail_field(err, ECOM_E_INVAL, name, "must be base64");
    int r = ecom__lambda_base64(value->text, arena, out, &why);
    return r < 0 ? ecom_fail_field(err, r, name, "%s: %s", name, why.text) : ECOM_OK;
}

/* [104, 105]: "hi". Java, which writes them, counts from -128. */
static int header_value(const ecom_json *bytes, ecom_arena *arena, ecom_str *out, ecom_error *err)
{
    char *value = ecom_arena_alloc(arena, bytes->count + 1u);
    size_t n = 0;

    if (!value)
        return nomem(err);
    for (const ecom_json *byte = bytes->first; byte; byte = byte->next) {
        int64_t v;
        if (ecom_json_int(byte, &v, NULL) < 0 || v < -128 || v > 255)
            return ecom_fail_field(err, ECOM_E_INVAL, "headers", "byte %zu of a value is none",
                                   n + 1);
        value[n++] = (char)v;
    }
    *out = (ecom_str){value, n};
    return ECOM_OK;
}

/* [{"name": [bytes]}, ...] */
static int read_headers(const ecom_json *record, ecom_arena *arena, ecom_msg *msg, ecom_error *err)
{
    const ecom_json *list = ecom_json_get(record, "headers");
    ecom_header *headers;

    if (!list || list->kind != ECOM_JSON_ARRAY || !list->count)
        return ECOM_OK;
    headers = ecom_arena_alloc(arena, list->count * sizeof(*headers));
    if (!headers)
        return nomem(err);
    msg->headers = headers;
    for (const ecom_json *h = list->first; h; h = h->next) {
        if (h->kind != ECOM_JSON_OBJECT || h->count != 1 || h->first->kind != ECOM_JSON_ARRAY)
            return ecom_fail_field(err, ECOM_E_INVAL, "headers",
                                   "one is not a name with its bytes");
        headers[msg->nheaders].name = h->first->name;
        int r = header_value(h->first, arena, &headers[msg->nheaders].value, err);
        if (r < 0)
            return r;
        msg->nheaders++;
    }
    return ECOM_OK;
}

/* Where it lies must be known, or it could not even be reported as failed. */
static int read_kafka(const ecom_json *record, ecom_arena *arena, struct source_item *item,
                      ecom_error *err)
{
    int64_t partition, offset;
    ecom_error why;

    item->msg.topic = text_of(record, "topic");
    if (!item->msg.topic.n ||
        ecom_json_int(ecom_json_get(record, "partition"), &partition, NULL) < 0 ||
        ecom_json_int(ecom_json_get(record, "offset"), &offset, NULL) < 0 || partition < 0 ||
        partition > INT32_MAX || offset < 0)
        return ecom_fail_field(err, ECOM_E_INVAL, "records",
                               "one is without topic, partition or offset");
    item->attempt = 1;
    item->msg.partition = (int32_t)partition;
    item->msg.offset = offset;
    if (ecom_json_int(ecom_json_get(record, "timestamp"), &item->msg.time_ms, NULL) < 0)
        item->msg.time_ms = 0;
    if (decode(record, "key", arena, &item->msg.key, &why) < 0 ||
        decode(record, "value", arena, &item->msg.body, &why) < 0 ||
        read_headers(record, arena, &item->msg, &why) < 0)
        return spoil(item, &why, arena, err);
    return ECOM_OK;
}

/* {"records": {"topic-0": [...], "topic-1": [...]}} */
static int read_kafka_batch(const ecom_json *partitions, ecom_arena *arena, struct source *out,
                            ecom_error *err)
{
    size_t n = 0;

    for (const ecom_json *p = partitions->first; p; p = p->next) {
        if (p->kind != ECOM_JSON_ARRAY)
            return ecom_fail_field(err, ECOM_E_INVAL, "records", "a partition is no array");
        n += p->count;
    }
    int r = add_items(out, n, arena, err);
    for (const ecom_json *p = partitions->first; r == ECOM_OK && p; p = p->next)
        for (const ecom_json *record = p->first; r == ECOM_OK && record; record = record->next)
            r = read_kafka(record, arena, &out->items[out->n++], err);
    return r;
}

static uint32_t receive_count(const ecom_json *record)
{
    ecom_str text = text_of(ecom_json_get(record, "attributes"), "ApproximateReceiveCount");
    uint32_t n = 0;

    for (size_t i = 0; i < text.n && n < 1000000 && text.p[i] >= '0' && text.p[i] <= '9'; i++)
        n = n * 10 + (uint32_t)(text.p[i] - '0');
    return n ? n : 1;
}

/* Attributes with strings, as headers. @param value  the member that has the string. */
static int read_attributes(const ecom_json *attributes, const char *value, ecom_arena *arena,
                           ecom_msg *msg, ecom_error *err)
{
    ecom_header *headers;

    if (!attributes || attributes->kind != ECOM_JSON_OBJECT || !attributes->count)
        return ECOM_OK;
    headers = ecom_arena_alloc(arena, attributes->count * sizeof(*headers));
    if (!headers)
        return nomem(err);
    msg->headers = headers;
    for (const ecom_json *a = attributes->first; a; a = a->next) {
        ecom_str text = text_of(a, value);
        if (text.p)
            headers[msg->nheaders++] = (ecom_header){a->name, text};
    }
    return ECOM_OK;
}

/* A topic's subscription may wrap what it puts into a queue: what is inside counts. */
static int unwrap(struct source_item *item, ecom_arena *arena, ecom_error *err)
{
    const ecom_json *wrap;
    ecom_error why;
    int r = ecom_json_parse(item->msg.body, NULL, arena, &wrap, &why);

    if (r == ECOM_E_NOMEM)
        return nomem(err);
    if (r < 0 || !is_text(wrap, "Type", "Notification") || !text_of(wrap, "TopicArn").p ||
        !text_of(wrap, "Message").p)
        return ECOM_OK;
    item->msg.body = text_of(wrap, "Message");
    return read_attributes(ecom_json_get(wrap, "MessageAttributes"), "Value", arena, &item->msg,
                           err);
}

static int read_sqs(const ecom_json *record, ecom_arena *arena, struct source_item *item,
                    ecom_error *err)
{
    item->id = text_of(record, "messageId");
    if (!item->id.n)
        return ecom_fail_field(err, ECOM_E_INVAL, "Records", "one is without messageId");
    item->attempt = receive_count(record);
    item->msg.key = text_of(ecom_json_get(record, "attributes"), "MessageGroupId");
    item->msg.body = text_of(record, "body");
    int r = read_attributes(ecom_json_get(record, "messageAttributes"), "stringValue", arena,
                            &item->msg, err);
    return r < 0 ? r : unwrap(item, arena, err);
}

static int read_sns(const ecom_json *record, ecom_arena *arena, struct source_item *item,
                    ecom_error *err)
{
    const ecom_json *sns = ecom_json_get(record, "Sns");

    if (!text_of(sns, "Message").p)
        return ecom_fail_field(err, ECOM_E_INVAL, "Records", "one is without a message");
    item->id = text_of(sns, "MessageId");
    item->attempt = 1;
    item->msg.body = text_of(sns, "Message");
    return read_attributes(ecom_json_get(sns, "MessageAttributes"), "Value", arena, &item->msg,
                           err);
}

static int read_records(const ecom_json *records, ecom_arena *arena, struct source *out,
                        ecom_error *err)
{
    int r = add_items(out, records->count, arena, err);

    for (const ecom_json *record = records->first; r == ECOM_OK && record; record = record->next) {
        struct source_item *item = &out->items[out->n++];
        if (out->kind == SOURCE_SQS && is_text(record, "eventSource", "aws:sqs"))
            r = read_sqs(record, arena, item, err);
        else if (out->kind == SOURCE_SNS && is_text(record, "EventSource", "aws:sns"))
            r = read_sns(record, arena, item, err);
        else
            r = ecom_fail_field(err, ECOM_E_INVAL, "Records",
                                "one is of another source than the first");
    }
    return r;
}

/* The elements of an array, each as a text of its own again. */
static int read_array(const ecom_json *array, ecom_arena *arena, struct source *out,
                      ecom_error *err)
{
    ecom_buf text = {0};

    if (array->count > SOURCE_MAX_ARRAY)
        return ecom_fail(err, ECOM_E_TOOLARGE, "%u events are more than %d", (unsigned)array->count,
                         SOURCE_MAX_ARRAY);
    int r = add_items(out, array->count, arena, err);
    for (const ecom_json *e = array->first; r == ECOM_OK && e; e = e->next) {
        struct source_item *item = &out->items[out->n++];
        item->attempt = 1;
        text.n = 0;
        if (ecom_json_write(&text, e) < 0)
            r = nomem(err);
        else if (!(item->msg.body = ecom_arena_copy(arena, ecom_buf_str(&text))).p)
            r = nomem(err);
    }
    ecom_buf_free(&text);
    return r;
}

static int read_one(ecom_str event, ecom_arena *arena, struct source *out, ecom_error *err)
{
    int r = add_items(out, 1, arena, err);

    if (r < 0)
        return r;
    out->items[0].msg.body = event;
    out->items[0].attempt = 1;
    out->n = 1;
    return ECOM_OK;
}

int ecom__lambda_source_read(ecom_str event, ecom_arena *arena, struct source *out, ecom_error *err)
{
    const ecom_json *json;
    int r = ecom_json_parse(event, &limits, arena, &json, err);

    if (r < 0)
        return r;
    const ecom_json *partitions = ecom_json_get(json, "records");
    const ecom_json *records = ecom_json_get(json, "Records");
    const ecom_json *first = records && records->kind == ECOM_JSON_ARRAY ? records->first : NULL;
    *out = (struct source){.kind = SOURCE_EVENT};
    if (json->kind == ECOM_JSON_ARRAY) {
        out->kind = SOURCE_EVENTS;
        return read_array(json, arena, out, err);
    }
    if (partitions && partitions->kind == ECOM_JSON_OBJECT &&
        (is_text(json, "eventSource", "aws:kafka") ||
         is_text(json, "eventSource", "SelfManagedKafka"))) {
        out->kind = SOURCE_KAFKA;
        return read_kafka_batch(partitions, arena, out, err);
    }
    if (first && (ecom_json_get(first, "eventSource") || ecom_json_get(first, "EventSource"))) {
        out->kind = ecom_json_get(first, "eventSource") ? SOURCE_SQS : SOURCE_SNS;
        return read_records(records, arena, out, err);
    }
    return read_one(event, arena, out, err);
}
