/* A schema in its own language: types by name, without what every schema has. */
#include "base/writer.h"
#include "graphql/schema.h"

#include <stdlib.h>
#include <string.h>

static void put_name(struct ecom__writer *p, struct gql_name name)
{
    ecom__put_n(p, gql_str(name));
}

static void put_text(struct ecom__writer *p, ecom_str s, int block, int indent)
{
    if (p->r == ECOM_OK)
        p->r = ecom__gql_print_string(s, block, indent, p->out);
}

static void put_description(struct ecom__writer *p, ecom_str s, int indent)
{
    if (!s.p)
        return;
    put_text(p, s, memchr(s.p, '\n', s.n) != NULL, indent);
    ecom__put(p, "\n");
    for (int i = 0; i < indent; i++)
        ecom__put(p, "  ");
}

static void put_ref(struct ecom__writer *p, const struct gql_ref *ref)
{
    if (p->r == ECOM_OK)
        p->r = ecom__gql_print_ref(ref, p->out);
}

static void put_directives(struct ecom__writer *p, const struct gql_directive *first)
{
    if (p->r == ECOM_OK)
        p->r = ecom__gql_print_directives(first, p->out);
}

static void put_input(struct ecom__writer *p, const struct gql_input *in)
{
    put_name(p, in->name);
    ecom__put(p, ": ");
    put_ref(p, in->type);
    if (in->fallback) {
        ecom__put(p, " = ");
        if (p->r == ECOM_OK)
            p->r = ecom__gql_print_value(in->fallback, p->out);
    }
    put_directives(p, in->directives);
}

static void put_arguments(struct ecom__writer *p, const struct gql_inputs *inputs, int indent)
{
    int described = 0;

    for (uint32_t i = 0; i < inputs->n; i++)
        described |= inputs->items[i].description.p != NULL;
    for (uint32_t i = 0; i < inputs->n; i++) {
        ecom__put(p, i == 0 ? "(" : described ? "" : ", ");
        for (int k = 0; described && k <= indent + 1; k++)
            ecom__put(p, k ? "  " : "\n");
        put_description(p, inputs->items[i].description, indent + 1);
        put_input(p, &inputs->items[i]);
    }
    for (int k = 0; described && k <= indent; k++)
        ecom__put(p, k ? "  " : "\n");
    ecom__put(p, inputs->n ? ")" : "");
}

static void put_fields(struct ecom__writer *p, const struct gql_type *type)
{
    ecom__put(p, " {\n");
    for (uint32_t i = 0; i < type->nfields; i++) {
        ecom__put(p, "  ");
        put_description(p, type->fields[i].description, 1);
        put_name(p, type->fields[i].name);
        put_arguments(p, &type->fields[i].arguments, 1);
        ecom__put(p, ": ");
        put_ref(p, type->fields[i].type);
        put_directives(p, type->fields[i].directives);
        ecom__put(p, "\n");
    }
    ecom__put(p, "}");
}

static void put_members(struct ecom__writer *p, const struct gql_type *type)
{
    ecom__put(p, " {\n");
    for (uint32_t i = 0; i < type->nvalues; i++) {
        ecom__put(p, "  ");
        put_description(p, type->values[i].description, 1);
        put_name(p, type->values[i].name);
        put_directives(p, type->values[i].directives);
        ecom__put(p, "\n");
    }
    for (uint32_t i = 0; i < type->inputs.n; i++) {
        ecom__put(p, "  ");
        put_description(p, type->inputs.items[i].description, 1);
        put_input(p, &type->inputs.items[i]);
        ecom__put(p, "\n");
    }
    ecom__put(p, "}");
}

static void put_type(struct ecom__writer *p, const struct gql_type *type)
{
    static const char *const words[] = {"scalar ", "type ", "interface ",
                                        "union ",  "enum ", "input "};

    put_description(p, type->description, 0);
    ecom__put(p, words[type->kind]);
    put_name(p, type->name);
    for (uint32_t i = 0; i < type->ninterfaces; i++) {
        ecom__put(p, i ? " & " : " implements ");
        put_name(p, type->interfaces[i]->name);
    }
    put_directives(p, type->directives);
    if (type->kind == GQL_KIND_OBJECT || type->kind == GQL_KIND_INTERFACE)
        put_fields(p, type);
    else if (type->kind == GQL_KIND_ENUM || type->kind == GQL_KIND_INPUT)
        put_members(p, type);
    for (uint32_t i = 0; type->kind == GQL_KIND_UNION && i < type->npossible; i++) {
        ecom__put(p, i ? " | " : " = ");
        put_name(p, type->possible[i]->name);
    }
    ecom__put(p, "\n\n");
}

static void put_directive(struct ecom__writer *p, const struct gql_directive_type *d)
{
    put_description(p, d->description, 0);
    ecom__put(p, "directive @");
    put_name(p, d->name);
    put_arguments(p, &d->arguments, 0);
    ecom__put(p, d->repeatable ? " repeatable on " : " on ");
    for (const struct gql_names *n = d->locations; n; n = n->next) {
        put_name(p, n->name);
        ecom__put(p, n->next ? " | " : "\n\n");
    }
}

/* Needed only when it says more than the names of the root types do. */
static void put_roots(struct ecom__writer *p, const struct gql_schema *schema)
{
    static const char *const names[] = {"Query", "Mutation", "Subscription"};
    static const char *const words[] = {"  query: ", "  mutation: ", "  subscription: "};
    int usual = !schema->description.p && !schema->applied;

    for (int i = 0; i < 3; i++)
        if (schema->roots[i] != ecom__gql_type_called(schema, ecom_str_of(names[i])))
            usual = 0;
    if (usual)
        return;
    put_description(p, schema->description, 0);
    ecom__put(p, "schema");
    put_directives(p, schema->applied);
    ecom__put(p, " {\n");
    for (int i = 0; i < 3; i++)
        if (schema->roots[i]) {
            ecom__put(p, words[i]);
            put_name(p, schema->roots[i]->name);
            ecom__put(p, "\n");
        }
    ecom__put(p, "}\n\n");
}

static int by_name(const void *a, const void *b)
{
    const struct gql_type *const *x = a, *const *y = b;

    return ecom_str_cmp(gql_str((*x)->name), gql_str((*y)->name));
}

int ecom__gql_schema_print(const struct gql_schema *schema, ecom_buf *out)
{
    const struct gql_type **types = calloc(schema->ntypes, sizeof(*types));
    struct ecom__writer p = {out, types ? ECOM_OK : ECOM_E_NOMEM};
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
