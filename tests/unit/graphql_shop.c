/* The gateway's schema against the records: a shape is described once, and what is written a second
 * time, with joins beside it, is held against the first. */
#include "check.h"

#include <ecom/graphql.h>
#include <ecom/order.h>
#include <ecom/product.h>
#include <ecom/user.h>

#include <stdio.h>

/* The lines between a definition's braces; empty: there is none. */
static ecom_str body_of(const char *sdl, const char *kind, ecom_str name)
{
    char head[100];

    snprintf(head, sizeof(head), "\n%s %.*s ", kind, (int)name.n, name.p);
    const char *from = strstr(sdl, head), *to = from ? strstr(from, "\n}") : NULL;
    return to ? (ecom_str){from, (size_t)(to + 1 - from)} : (ecom_str){"", 0};
}

/* Money is a Float in the shop's schema. */
static void check_line(ecom_str body, const char *line, const char *end, const char *record)
{
    char want[200];
    const char *money = memmem(line, (size_t)(end - line), ": Money", 7);
    int before = money ? (int)(money - line) + 2 : (int)(end - line);

    snprintf(want, sizeof(want), "\n%.*s%s%.*s\n", before, line, money ? "Float" : "",
             money ? (int)(end - money) - 7 : 0, money ? money + 7 : "");
    CHECK(memmem(body.p, body.n, want, strlen(want)), "%s has no%s", record, want);
}

/* Each line of what the record says that is no description. */
static void check_record(const char *sdl, const ecom_record *record)
{
    ecom_buf out = {0};
    ecom_str body = {"", 0};
    size_t lines = 0;

    CHECK_I64(ECOM_OK, ecom_buf_append(&out, ecom_str_of("\n")));
    CHECK_I64(ECOM_OK, ecom_graphql_write_record(record, &out));
    for (const char *line = out.p, *end; (end = strchr(line, '\n')); line = end + 1) {
        char kind[10], name[60];
        if (sscanf(line, "%9s %59s {", kind, name) == 2 && line[0] != ' ' && line[0] != '"')
            body = body_of(sdl, kind, ecom_str_of(name));
        else if (line[0] == ' ' && line[2] != '"' && ++lines)
            check_line(body, line, end, record->name);
    }
    CHECK(lines >= 4, "%s: %zu lines", record->name, lines);
    ecom_buf_free(&out);
}

static void the_gateways_types_have_the_fields_of_the_records(void)
{
    static char sdl[64 << 10];
    FILE *f = fopen(VECTORS "/../../gateway/schema.graphql", "rb");

    CHECK(f && fread(sdl, 1, sizeof(sdl) - 1, f) > 0, "the schema cannot be read");
    fclose(f);
    check_record(sdl, &ecom_user_record);
    check_record(sdl, &ecom_session_record);
    check_record(sdl, &ecom_product_record);
    check_record(sdl, &ecom_order_record);
}

static const struct check_case cases[] = {
    CASE(the_gateways_types_have_the_fields_of_the_records),
};

CHECK_MAIN("graphql-shop", cases)
