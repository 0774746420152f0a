/* The contracts as documents for others: JSON Schema, and AsyncAPI 3.0. */
#include "ecom/event.h"

#include <string.h>

#include "base/bytes.h"
#include "base/record.h"
#include "base/writer.h"

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

/* A JSON pointer to a part of the document, as an object. The name needs no escaping in one: topics
 * and types have neither `/` nor `~`. */
static void put_ref(struct ecom__writer *d, const char *to, const char *name)
{
    ecom__put(d, "{\"$ref\":\"#/");
    ecom__put(d, to);
    ecom__put(d, name);
    ecom__put(d, "\"}");
}

/* Is the contract the first of its topic? */
static int is_first(const ecom_contract *const *contracts, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(contracts[k]->topic, contracts[i]->topic) == 0)
            return 0;
    return 1;
}

static void put_channel(struct ecom__writer *d, const ecom_contract *const *contracts, size_t first)
{
    const char *topic = contracts[first]->topic, *before = "";

    ecom__put_str(d, topic);
    ecom__put(d, ":{\"address\":");
    ecom__put_str(d, topic);
    ecom__put(d, ",\"messages\":{");
    for (size_t i = first; contracts[i]; i++) {
        if (strcmp(contracts[i]->topic, topic) != 0)
            continue;
        ecom__put(d, before);
        ecom__put_str(d, contracts[i]->type);
        ecom__put(d, ":");
        put_ref(d, "components/messages/", contracts[i]->type);
        before = ",";
    }
    ecom__put(d, "}}");
}

static void put_operation(struct ecom__writer *d, const char *topic, const char *action)
{
    ecom__put(d, "\"");
    ecom__put(d, action);
    ecom__put(d, "-");
    ecom__put(d, topic);
    ecom__put(d, "\":{\"action\":");
    ecom__put_str(d, action);
    ecom__put(d, ",\"channel\":");
    put_ref(d, "channels/", topic);
    ecom__put(d, "}");
}

static void put_message(struct ecom__writer *d, const ecom_contract *contract)
{
    ecom__put_str(d, contract->type);
    ecom__put(d, ":{\"name\":");
    ecom__put_str(d, contract->type);
    if (contract->record->doc) {
        ecom__put(d, ",\"summary\":");
        ecom__put_str(d, contract->record->doc);
    }
    ecom__put(d, ",\"contentType\":\"application/json\",\"correlationId\":{\"location\":"
                 "\"$message.header#/x-correlation-id\"},\"headers\":{\"type\":\"object\","
                 "\"properties\":{\"x-correlation-id\":{\"type\":\"string\",\"maxLength\":128},"
                 "\"traceparent\":{\"type\":\"string\",\"maxLength\":128},"
                 "\"content-type\":{\"type\":\"string\"}}},"
                 "\"bindings\":{\"kafka\":{\"key\":{\"type\":\"string\",\"description\":");
    if (d->r == ECOM_OK)
        d->r = ecom_buf_printf(d->out, "\"The %s.\"", contract->key);
    ecom__put(d,
              "}}},\"payload\":"); /* what the schemas use, AsyncAPI's own kind of schema has too */
    if (d->r == ECOM_OK)
        d->r = write_schema(contract, 0, d->out);
    ecom__put(d, "}");
}

static void put_document(struct ecom__writer *d, const ecom_contract *const *contracts)
{
    ecom__put(d, "{\"asyncapi\":\"3.0.0\",\"info\":{\"title\":\"Events of the shop\",\"version\":");
    ecom__put_str(d, ecom_version());
    ecom__put(d, "},\"defaultContentType\":\"application/json\",\"channels\":{");
    for (size_t i = 0; contracts[i]; i++)
        if (is_first(contracts, i)) {
            ecom__put(d, i ? "," : "");
            put_channel(d, contracts, i);
        }
    ecom__put(d, "},\"operations\":{");
    for (size_t i = 0; contracts[i]; i++)
        if (is_first(contracts, i)) {
            ecom__put(d, i ? "," : "");
            put_operation(d, contracts[i]->topic, "send");
            ecom__put(d, ",");
            put_operation(d, contracts[i]->topic, "receive");
        }
    ecom__put(d, "},\"components\":{\"messages\":{");
    for (size_t i = 0; contracts[i]; i++) {
        ecom__put(d, i ? "," : "");
        put_message(d, contracts[i]);
    }
    ecom__put(d, "}}}");
}

int ecom_contract_asyncapi(const ecom_contract *const *contracts, ecom_buf *out)
{
    struct ecom__writer d = {out, ECOM_OK};
    size_t before = out->n;

    put_document(&d, contracts);
    return d.r < 0 ? ecom__buf_cut(out, before, d.r) : ECOM_OK;
}
