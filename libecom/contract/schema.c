/* The contracts as documents for others: JSON Schema, and AsyncAPI 3.0. */
#include "ecom/event.h"

#include <string.h>

#include "base/bytes.h"
#include "base/record.h"

static int write_schema(const ecom_contract *contract, int dialect, ecom_buf *out)
{
    const struct ecom__schema_options options = {
        .request = 1, .all_fields = 1, .type = contract->type, .dialect = dialect};

    return ecom__record_schema(contract->record, &options, out);
}

int ecom_contract_schema(const ecom_contract *contract, ecom_buf *out)
{
    return write_schema(contract, 1, out);
}

/* One document under way. After the first failure all else is skipped. */
struct document {
    ecom_buf *out;
    int result;
};

static void put(struct document *d, const char *text)
{
    if (d->result == ECOM_OK)
        d->result = ecom_buf_append(d->out, ecom_str_of(text));
}

static void put_str(struct document *d, const char *text)
{
    if (d->result == ECOM_OK)
        d->result = ecom_json_write_str(d->out, ecom_str_of(text));
}

/* A JSON pointer to a part of the document, as an object. The name needs no escaping in one: topics
 * and types have neither `/` nor `~`. */
static void put_ref(struct document *d, const char *to, const char *name)
{
    put(d, "{\"$ref\":\"#/");
    put(d, to);
    put(d, name);
    put(d, "\"}");
}

/* Is the contract the first of its topic? */
static int is_first(const ecom_contract *const *contracts, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(contracts[k]->topic, contracts[i]->topic) == 0)
            return 0;
    return 1;
}

static void put_channel(struct document *d, const ecom_contract *const *contracts, size_t first)
{
    const char *topic = contracts[first]->topic, *before = "";

    put_str(d, topic);
    put(d, ":{\"address\":");
    put_str(d, topic);
    put(d, ",\"messages\":{");
    for (size_t i = first; contracts[i]; i++) {
        if (strcmp(contracts[i]->topic, topic) != 0)
            continue;
        put(d, before);
        put_str(d, contracts[i]->type);
        put(d, ":");
        put_ref(d, "components/messages/", contracts[i]->type);
        before = ",";
    }
    put(d, "}}");
}

static void put_operation(struct document *d, const char *topic, const char *action)
{
    put(d, "\"");
    put(d, action);
    put(d, "-");
    put(d, topic);
    put(d, "\":{\"action\":");
    put_str(d, action);
    put(d, ",\"channel\":");
    put_ref(d, "channels/", topic);
    put(d, "}");
}

static void put_message(struct document *d, const ecom_contract *contract)
{
    put_str(d, contract->type);
    put(d, ":{\"name\":");
    put_str(d, contract->type);
    if (contract->record->doc) {
        put(d, ",\"summary\":");
        put_str(d, contract->record->doc);
    }
    put(d, ",\"contentType\":\"application/json\",\"correlationId\":{\"location\":"
           "\"$message.header#/x-correlation-id\"},\"headers\":{\"type\":\"object\","
           "\"properties\":{\"x-correlation-id\":{\"type\":\"string\",\"maxLength\":128},"
           "\"traceparent\":{\"type\":\"string\",\"maxLength\":128},"
           "\"content-type\":{\"type\":\"string\"}}},"
           "\"bindings\":{\"kafka\":{\"key\":{\"type\":\"string\",\"description\":");
    if (d->result == ECOM_OK)
        d->result = ecom_buf_printf(d->out, "\"The %s.\"", contract->key);
    put(d, "}}},\"payload\":"); /* what the schemas use, AsyncAPI's own kind of schema has too */
    if (d->result == ECOM_OK)
        d->result = write_schema(contract, 0, d->out);
    put(d, "}");
}

static void put_document(struct document *d, const ecom_contract *const *contracts)
{
    put(d, "{\"asyncapi\":\"3.0.0\",\"info\":{\"title\":\"Events of the shop\",\"version\":");
    put_str(d, ecom_version());
    put(d, "},\"defaultContentType\":\"application/json\",\"channels\":{");
    for (size_t i = 0; contracts[i]; i++)
        if (is_first(contracts, i)) {
            put(d, i ? "," : "");
            put_channel(d, contracts, i);
        }
    put(d, "},\"operations\":{");
    for (size_t i = 0; contracts[i]; i++)
        if (is_first(contracts, i)) {
            put(d, i ? "," : "");
            put_operation(d, contracts[i]->topic, "send");
            put(d, ",");
            put_operation(d, contracts[i]->topic, "receive");
        }
    put(d, "},\"components\":{\"messages\":{");
    for (size_t i = 0; contracts[i]; i++) {
        put(d, i ? "," : "");
        put_message(d, contracts[i]);
    }
    put(d, "}}}");
}

int ecom_contract_asyncapi(const ecom_contract *const *contracts, ecom_buf *out)
{
    struct document d = {.out = out};
    size_t before = out->n;

    put_document(&d, contracts);
    return d.result < 0 ? ecom__buf_cut(out, before, d.result) : ECOM_OK;
}
