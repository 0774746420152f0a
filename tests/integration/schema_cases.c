/* Prints what schema_test.py holds against an independent validator: one JSON object a line, with
 * a schema, or with a text, the schema it belongs to, and whether our reader takes it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ecom/event.h"

#include "base/record.h"
#include "unit/everything.h"

/* Values that are right for one field and wrong for most others. */
static const char *const values[] = {
    "null",
    "true",
    "false",
    "{}",
    "[]",
    "[{}]",
    "[null]",
    "[1]",
    "0",
    "1",
    "-1",
    "-0",
    "1.0",
    "1.5",
    "0.01",
    "-0.01",
    "0.001",
    "19.99",
    "1999e-2",
    "19.990",
    "19.999",
    "5",
    "6",
    "-5",
    "-6",
    "99",
    "100",
    "1000",
    "1000.00",
    "1000.01",
    "1e2",
    "1e13",
    "-1e13",
    "10000000000000.01",
    "9223372036854775807",
    "-9223372036854775807",
    "-9223372036854775808",
    "1e30",
    "1e400",
    "1e-400",
    "\"\"",
    "\" \"",
    "\"a\"",
    "\"1234567\"",
    "\"12345678\"",
    "\"123456789\"",
    "\"1234567890\"",
    "\"12345678901\"",
    "\"123456789012\"",
    "\"1234567890123\"",
    "\"\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\"",
    "\"😀😀😀😀😀😀😀😀😀😀\"", /* ten characters in 40 bytes */
    "\"a\\n\"",
    "\"\\ta\"",
    "\"a\\r\\nb\"",
    "\"\\u0000\"",
    "\"a\\u000bb\"",
    "\"\\u001f\"",
    "\"\\u007f\"",
    "\"\\u0080\"",
    "\"a\\u0008\"",
    "\"a\\u000c\"",
    "\"01890a5d-ac96-774b-bcce-b302099a8057\"",
    "\"01890A5D-AC96-774B-BCCE-B302099A8057\"",
    "\"01890a5d-ac96-774b-bcce-b302099a805\"",
    "\"01890a5dac96774bbcceb302099a8057\"",
    "\"01890a5d-ac96-774b-bcce-b302099a8057\\n\"",
    "\"01890a5d-ac96-774b-bcce-b302099a805g\"",
    "\"USD\"",
    "\"usd\"",
    "\"USDX\"",
    "\"US\"",
    "\"US1\"",
    "\"USD\\n\"",
    "\"RED\"",
    "\"red\"",
    "\"BLUE\"",
    "\"PINK\"",
    "\"2026-11-22T18:25:43.511Z\"",
    "\"2026-11-22T18:25:43Z\"",
    "\"2026-11-22T18:25:43.511000000+02:00\"",
    "\"2026-11-22T18:25:43\"",
    "\"2026-11-22\"",
    "\"2026-02-29T00:00:00Z\"",
    "\"2024-02-29T00:00:00Z\"",
    "\"2026-13-01T00:00:00Z\"",
    "\"2026-11-22T24:00:00Z\"",
    "\"2026-11-22 18:25:43Z\"",
    "\"2026-11-22T18:25:43.Z\"",
    "\"2026-11-22T18:25:43+24:00\"",
    "\"a@b\"",
    "\"ann@example.com\"",
    "\"a.b+c@mail.example.co\"",
    "\"j\\u00f6rg@m\\u00fcller.example\"",
    "\"!#$%&'*+/=?^_`{|}~-@x.y\"",
    "\"a@b@c\"",
    "\"a b@c\"",
    "\"@b\"",
    "\"a@\"",
    "\".a@b\"",
    "\"a.@b\"",
    "\"a..b@c\"",
    "\"a@.b\"",
    "\"a@b.\"",
    "\"a@-b\"",
    "\"a@b-\"",
    "\"a@b-.c\"",
    "\"a@b_c\"",
    "\"a@[127.0.0.1]\"",
    "\"<a@b>\"",
    "\"a\\u00a0@b\"",
    "\"a@b\\u200b.c\"",
    "\"a\\u202e@b\"",
    "\"a@\\ufeffb\"",
    "\"a\\\\@b\"",
    "\"a@b\\n\"",
    "\"a\\n@b\"",
    "\"a,b@c\"",
    "\"a@b/c\"",
    "\"a@b:25\"",
    "\"a(b)@c\"",
    "\"0123456789012345678901234567890123456789012345678901234567890123@b\"",
    "\"01234567890123456789012345678901234567890123456789012345678901234@b\"",
    "\"a@012345678901234567890123456789012345678901234567890123456789012.b\"",
    "\"a@0123456789012345678901234567890123456789012345678901234567890123.b\"",
    "{\"sku\":\"s\"}",
    "{\"sku\":null}",
    "{\"sku\":\"s\",\"quantity\":null}",
    "{\"sku\":\"s\",\"quantity\":99,\"more\":[]}",
    "{\"sku\":\"s\",\"quantity\":100}",
    "{\"sku\":\"s\",\"quantity\":0}",
    "{\"sku\":\"123456789\"}",
    "{\"sku\":\"\"}",
    "{\"quantity\":1}",
    "[{\"sku\":\"1\"}]",
    "[{\"sku\":\"1\"},{\"sku\":\"2\"},{\"sku\":\"3\"}]",
    "[{\"sku\":\"1\"},{\"sku\":\"2\"},{\"sku\":\"3\"},{\"sku\":\"4\"}]",
    "[{\"sku\":\"1\"},{\"sku\":\"2\",\"quantity\":1.5}]",
    "[{\"sku\":\"1\"},{\"quantity\":1}]",
};

static const char *const least[][2] = {
    {"id", "\"01890a5d-ac96-774b-bcce-b302099a8057\""},
    {"name", "\"a\""},
    {"count", "0"},
    {"born", "\"2026-11-22T18:25:43.511Z\""},
    {"main", "{\"sku\":\"s\"}"},
    {"parts", "[]"},
};

/* A test program has nothing better to do without memory. */
static void must(int r)
{
    if (r >= 0)
        return;
    fprintf(stderr, "schema_cases: %s\n", ecom_code_of(r)->name);
    exit(1);
}

static void print(ecom_buf *line)
{
    printf("%.*s\n", (int)line->n, line->p);
    line->n = 0;
}

static void print_schema(const char *name, ecom_buf *line, const ecom_buf *schema)
{
    must(ecom_buf_printf(line, "{\"schema\":\"%s\",\"is\":%s}", name, schema->p));
    print(line);
}

static void print_case(const char *schema, ecom_str text, int ok, const ecom_error *e,
                       ecom_buf *line)
{
    must(ecom_buf_printf(line, "{\"of\":\"%s\",\"ok\":%s,\"why\":", schema, ok ? "true" : "false"));
    must(ecom_json_write_str(line, ecom_str_of(ok ? "" : e->text)));
    must(ecom_buf_append(line, ecom_str_of(",\"text\":")));
    must(ecom_json_write_str(line, text));
    must(ecom_buf_append(line, ecom_str_of("}")));
    print(line);
}

/* The least that is accepted, with one member of another value. */
static void build(const char *name, const char *value, ecom_buf *text)
{
    text->n = 0;
    must(ecom_buf_printf(text, "{\"%s\":%s", name, value));
    for (size_t i = 0; i < sizeof(least) / sizeof(least[0]); i++)
        if (strcmp(least[i][0], name) != 0)
            must(ecom_buf_printf(text, ",\"%s\":%s", least[i][0], least[i][1]));
    must(ecom_buf_append(text, ecom_str_of("}")));
}

/* Reads the text; what is taken must also be, written for callers, what they were told of. */
static void try_record(ecom_str text, ecom_arena *arena, ecom_buf *line)
{
    struct everything thing;
    ecom_buf answer = {0};
    ecom_error e;
    int r = ecom_record_read(&everything, text, NULL, arena, &thing, &e);

    if (r < 0 && r != ECOM_E_INVAL)
        must(r);
    print_case("request", text, r == ECOM_OK, &e, line);
    if (r == ECOM_OK) {
        must(ecom_record_write(&everything, &thing, ECOM_VIEW_PUBLIC, &answer));
        print_case("answer", ecom_buf_str(&answer), 1, &e, line);
    }
    ecom_buf_free(&answer);
    ecom_arena_reset(arena);
}

/* Each field with each value. A private field is in no schema. */
static void print_records(ecom_arena *arena, ecom_buf *line)
{
    const struct ecom__schema_options all = {.request = 1, .all_fields = 1, .dialect = 1};
    ecom_buf text = {0};

    must(ecom__record_schema(&everything, &all, &text));
    print_schema("request", line, &text);
    text.n = 0;
    must(ecom_record_schema(&everything, 0, &text));
    print_schema("answer", line, &text);
    for (size_t f = 0; f < everything.nfields; f++)
        for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
            if (everything.fields[f].flags & ECOM_PRIVATE)
                continue;
            build(everything.fields[f].name, values[v], &text);
            try_record(ecom_buf_str(&text), arena, line);
        }
    ecom_buf_free(&text);
}

static ecom_str load(const char *path, ecom_arena *arena)
{
    FILE *f = fopen(path, "rb");
    char *room = ecom_arena_alloc(arena, 1 << 20);
    size_t n = f && room ? fread(room, 1, 1 << 20, f) : 0;

    if (f)
        fclose(f);
    return (ecom_str){room, n};
}

/* Each vector against each contract. */
static void try_event(const ecom_contract *contract, ecom_str body, ecom_buf *line)
{
    const ecom_contract *const contracts[] = {contract, NULL}, *which;
    const ecom_msg msg = {.body = body};
    ecom_arena *arena = ecom_arena_new(0);
    const ecom_json *value;
    ecom_error e;
    void *event;

    if (arena && ecom_json_parse(body, NULL, arena, &value, &e) == ECOM_OK) {
        int r = ecom_event_decode(contracts, &msg, arena, &which, &event, &e);
        if (r < 0 && r != ECOM_E_INVAL && r != ECOM_E_UNKNOWN_TYPE)
            must(r);
        print_case(contract->type, body, r == ECOM_OK, &e, line);
    }
    ecom_arena_free(arena);
}

static void print_events(ecom_arena *arena, ecom_buf *line)
{
    const ecom_json *vectors;
    ecom_buf text = {0};

    must(ecom_json_parse(load(VECTORS "/events.json", arena), NULL, arena, &vectors, NULL));
    for (const ecom_contract *const *c = ecom_shop_contracts; *c; c++) {
        text.n = 0;
        must(ecom_contract_schema(*c, &text));
        print_schema((*c)->type, line, &text);
        for (const ecom_json *v = vectors->first; v; v = v->next)
            try_event(*c, ecom_json_get(v, "body")->text, line);
    }
    text.n = 0;
    must(ecom_contract_asyncapi(ecom_shop_contracts, &text));
    print_schema("asyncapi", line, &text);
    ecom_buf_free(&text);
}

int main(void)
{
    ecom_arena *arena = ecom_arena_new(0);
    ecom_buf line = {0};

    must(arena ? ECOM_OK : ECOM_E_NOMEM);
    print_records(arena, &line);
    print_events(arena, &line);
    ecom_buf_free(&line);
    ecom_arena_free(arena);
    return 0;
}
