/* A schema in its own language: types by name, without what every schema has. */
#include "graphql/schema.h"

#include <stdlib.h>
#include <string.h>

struct printer {
    ecom_buf *out;
    int r;
};

static void put_n(struct printer *p, ecom_str s)
{
    if (p->r == ECOM_OK)
        p->r = ecom_buf_append(p->out, s);
}

static void put(struct printer *p, const char *s)
{
    put_n(p, ecom_str_of(s));
}

static void put_name(struct printer *p, struct gql_name name)
{
    put_n(p, gql_str(name));
}

static void put_text(struct printer *p, ecom_str s, int block, int indent)
{
    if (p->r == ECOM_OK)
        p->r = ecom__gql_print_string(s, block, indent, p->out);
}

static void put_description(struct printer *p, ecom_str s, int indent)
{
    if (!s.p)
        return;
    put_text(p, s, memchr(s.p, '\n', s.n) != NULL, indent);
    put(p, "\n");
    for (int i = 0; i < indent; i++)
        put(p, "  ");
}

static void put_ref(struct printer *p, const struct gql_ref *ref)
{
    if (p->r == ECOM_OK)
        p->r = ecom__gql_print_ref(ref, p->out);
}

static void put_deprecation(struct printer *p, const struct gql_deprecation *d)
{
    if (!d->is)
        return;
    put(p, " @deprecated");
    if (ecom_str_eq(d->reason, ecom_str_of("No longer supported")))
        return;
    put(p, "(reason: ");
    put_text(p, d->reason, 0, 0);
    put(p, ")");
}

static void put_input(struct printer *p, const struct gql_input *in)
{
    put_name(p, in->name);
    put(p, ": ");
    put_ref(p, in->type);
    if (in->fallback) {
        put(p, " = ");
        if (p->r == ECOM_OK)
            p->r = ecom__gql_print_value(in->fallback, p->out);
    }
    put_deprecation(p, &in->deprecated);
}

static void put_arguments(struct printer *p, const struct gql_inputs *inputs, int indent)
{
    int described = 0;

    for (uint32_t i = 0; i < inputs->n; i++)
        described |= inputs->items[i].description.p != NULL;
    for (uint32_t i = 0; i < inputs->n; i++) {
        put(p, i == 0 ? "(" : described ? "" : ", ");
        for (int k = 0; described && k <= indent + 1; k++)
            put(p, k ? "  " : "\n");
        put_description(p, inputs->items[i].description, indent + 1);
        put_input(p, &inputs->items[i]);
    }
    for (int k = 0; described && k <= indent; k++)
        put(p, k ? "  " : "\n");
    put(p, inputs->n ? ")" : "");
}

static void put_fields(struct printer *p, const struct gql_type *type)
{
    for (uint32_t i = 0; i < type->ninterfaces; i++) {
        put(p, i ? " & " : " implements ");
        put_name(p, type->interfaces[i]->name);
    }
    put(p, " {\n");
    for (uint32_t i = 0; i < type->nfields; i++) {
        put(p, "  ");
        put_description(p, type->fields[i].description, 1);
        put_name(p, type->fields[i].name);
        put_arguments(p, &type->fields[i].arguments, 1);
        put(p, ": ");
        put_ref(p, type->fields[i].type);
        put_deprecation(p, &type->fields[i].deprecated);
        put(p, "\n");
    }
    put(p, "}");
}

static void put_members(struct printer *p, const struct gql_type *type)
{
    put(p, " {\n");
    for (uint32_t i = 0; i < type->nvalues; i++) {
        put(p, "  ");
        put_description(p, type->values[i].description, 1);
        put_name(p, type->values[i].name);
        put_deprecation(p, &type->values[i].deprecated);
        put(p, "\n");
    }
    for (uint32_t i = 0; i < type->inputs.n; i++) {
        put(p, "  ");
        put_description(p, type->inputs.items[i].description, 1);
        put_input(p, &type->inputs.items[i]);
        put(p, "\n");
    }
    put(p, "}");
}

static void put_type(struct printer *p, const struct gql_type *type)
{
    static const char *const words[] = {"scalar ", "type ", "interface ",
                                        "union ",  "enum ", "input "};

    put_description(p, type->description, 0);
    put(p, words[type->kind]);
    put_name(p, type->name);
    if (type->specified_by.p) {
        put(p, " @specifiedBy(url: ");
        put_text(p, type->specified_by, 0, 0);
        put(p, ")");
    }
    put(p, type->one_of ? " @oneOf" : "");
    if (type->kind == GQL_KIND_OBJECT || type->kind == GQL_KIND_INTERFACE)
        put_fields(p, type);
    else if (type->kind == GQL_KIND_ENUM || type->kind == GQL_KIND_INPUT)
        put_members(p, type);
    for (uint32_t i = 0; type->kind == GQL_KIND_UNION && i < type->npossible; i++) {
        put(p, i ? " | " : " = ");
        put_name(p, type->possible[i]->name);
    }
    put(p, "\n\n");
}

static void put_directive(struct printer *p, const struct gql_directive_type *d)
{
    put_description(p, d->description, 0);
    put(p, "directive @");
    put_name(p, d->name);
    put_arguments(p, &d->arguments, 0);
    put(p, d->repeatable ? " repeatable on " : " on ");
    for (const struct gql_names *n = d->locations; n; n = n->next) {
        put_name(p, n->name);
        put(p, n->next ? " | " : "\n\n");
    }
}

/* Needed only when it says more than the names of the root types do. */
static void put_roots(struct printer *p, const struct gql_schema *schema)
{
    static const char *const names[] = {"Query", "Mutation", "Subscription"};
    static const char *const words[] = {"  query: ", "  mutation: ", "  subscription: "};
    int usual = !schema->description.p;

    for (int i = 0; i < 3; i++)
        if (schema->roots[i] != ecom__gql_type_called(schema, ecom_str_of(names[i])))
            usual = 0;
    if (usual)
        return;
    put_description(p, schema->description, 0);
    put(p, "schema {\n");
    for (int i = 0; i < 3; i++)
        if (schema->roots[i]) {
            put(p, words[i]);
            put_name(p, schema->roots[i]->name);
            put(p, "\n");
        }
    put(p, "}\n\n");
}

static int by_name(const void *a, const void *b)
{
    const struct gql_type *const *x = a, *const *y = b;

    return ecom_str_cmp(gql_str((*x)->name), gql_str((*y)->name));
}

int ecom__gql_schema_print(const struct gql_schema *schema, ecom_buf *out)
{
    const struct gql_type **types = calloc(schema->ntypes, sizeof(*types));
    struct printer p = {out, types ? ECOM_OK : ECOM_E_NOMEM};
    size_t start = out->n, n = 0;

    for (const struct gql_type *t = schema->types; types && t; t = t->next)
        if (!t->internal)
            types[n++] = t;
    if (n)
        qsort(types, n, sizeof(*types), by_name);
    put_roots(&p, schema);
    for (const struct gql_directive_type *d = schema->directives; d; d = d->next)
        if (!d->internal)
            put_directive(&p, d);
    for (size_t i = 0; i < n; i++)
        put_type(&p, types[i]);
    free(types);
    if (p.r == ECOM_OK && out->n > start)
        out->p[--out->n] = '\0'; /* one line's end is enough at the last */
    else
        out->n = start;
    return p.r;
}
