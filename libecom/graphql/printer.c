#include "base/writer.h"
#include "graphql/ast.h"

#include <string.h>

static void put_name(struct ecom__writer *p, struct gql_name name)
{
    ecom__put_n(p, gql_str(name));
}

static void put_line(struct ecom__writer *p, int indent)
{
    ecom__put(p, "\n");
    while (indent-- > 0)
        ecom__put(p, "  ");
}

static void put_quoted(struct ecom__writer *p, ecom_str s)
{
    static const char shorts[] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};

    ecom__put(p, "\"");
    for (size_t i = 0, from = 0; i <= s.n; i++) {
        unsigned char c = i < s.n ? (unsigned char)s.p[i] : 0;
        if (i < s.n && c >= 0x20 && c != '"' && c != '\\' && c != 0x7F)
            continue;
        ecom__put_n(p, (ecom_str){s.p + from, i - from});
        from = i + 1;
        if (i == s.n)
            break;
        if (p->r == ECOM_OK && (c == '"' || c == '\\'))
            p->r = ecom_buf_printf(p->out, "\\%c", c);
        else if (p->r == ECOM_OK && c < sizeof(shorts) && shorts[c])
            p->r = ecom_buf_printf(p->out, "\\%c", shorts[c]);
        else if (p->r == ECOM_OK)
            p->r = ecom_buf_printf(p->out, "\\u%04X", c);
    }
    ecom__put(p, "\"");
}

/* A block string gives back its value only when that has no blank line at an end, an unindented
 * first line (the others may be indented more) and no characters that a block would change. */
static int fits_block(ecom_str s)
{
    size_t start = 0;

    if (!s.n || s.p[0] == ' ' || s.p[0] == '\t')
        return 0;
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t' && s.p[i] != '\n')
            return 0;
        if (s.p[i] == '\n')
            start = i + 1;
    }
    while (start < s.n && (s.p[start] == ' ' || s.p[start] == '\t'))
        start++;
    return s.p[0] != '\n' && start < s.n;
}

static void put_block(struct ecom__writer *p, ecom_str s, int indent)
{
    ecom__put(p, "\"\"\"");
    put_line(p, indent);
    for (size_t i = 0, from = 0; i <= s.n; i++) {
        int end = i == s.n, quotes = !end && s.n - i >= 3 && memcmp(s.p + i, "\"\"\"", 3) == 0;
        if (!end && !quotes && s.p[i] != '\n')
            continue;
        ecom__put_n(p, (ecom_str){s.p + from, i - from});
        from = i + !quotes;
        if (quotes) {
            ecom__put(p, "\\\"\"\"");
            from = i + 3;
            i += 2;
        } else if (!end && i + 1 < s.n && s.p[i + 1] == '\n') {
            ecom__put(p, "\n");
        } else if (!end) {
            put_line(p, indent);
        }
    }
    put_line(p, indent);
    ecom__put(p, "\"\"\"");
}

int ecom__gql_print_string(ecom_str s, int block, int indent, ecom_buf *out)
{
    struct ecom__writer p = {out, ECOM_OK};

    if (block && fits_block(s))
        put_block(&p, s, indent);
    else
        put_quoted(&p, s);
    return p.r;
}

static void put_value(struct ecom__writer *p, const struct gql_value *v)
{
    int list = v->kind == GQL_LIST;

    switch (v->kind) {
    case GQL_STRING:
        put_quoted(p, gql_str(v->text));
        return;
    case GQL_VARIABLE:
        ecom__put(p, "$");
        break;
    case GQL_LIST:
    case GQL_OBJECT:
        ecom__put(p, list ? "[" : "{");
        for (const struct gql_value *item = v->first; item; item = item->next) {
            if (item != v->first)
                ecom__put(p, ", ");
            put_name(p, item->name);
            ecom__put(p, list ? "" : ": ");
            put_value(p, item);
        }
        ecom__put(p, list ? "]" : "}");
        return;
    default:
        break;
    }
    put_name(p, v->text);
}

static void put_ref(struct ecom__writer *p, const struct gql_ref *ref)
{
    if (ref->kind == GQL_LIST_OF)
        ecom__put(p, "[");
    if (ref->kind == GQL_NAMED)
        put_name(p, ref->name);
    else
        put_ref(p, ref->of);
    if (ref->kind != GQL_NAMED)
        ecom__put(p, ref->kind == GQL_LIST_OF ? "]" : "!");
}

int ecom__gql_print_value(const struct gql_value *value, ecom_buf *out)
{
    struct ecom__writer p = {out, ECOM_OK};

    put_value(&p, value);
    return p.r;
}

int ecom__gql_print_ref(const struct gql_ref *ref, ecom_buf *out)
{
    struct ecom__writer p = {out, ECOM_OK};

    put_ref(&p, ref);
    return p.r;
}

static void put_arguments(struct ecom__writer *p, const struct gql_argument *first)
{
    for (const struct gql_argument *a = first; a; a = a->next) {
        ecom__put(p, a == first ? "(" : ", ");
        put_name(p, a->name);
        ecom__put(p, ": ");
        put_value(p, a->value);
    }
    ecom__put(p, first ? ")" : "");
}

static void put_directives(struct ecom__writer *p, const struct gql_directive *d)
{
    for (; d; d = d->next) {
        ecom__put(p, " @");
        put_name(p, d->name);
        put_arguments(p, d->arguments);
    }
}

int ecom__gql_print_directives(const struct gql_directive *first, ecom_buf *out)
{
    struct ecom__writer p = {out, ECOM_OK};

    put_directives(&p, first);
    return p.r;
}

static void put_selections(struct ecom__writer *p, const struct gql_selection *s, int indent)
{
    ecom__put(p, "{");
    for (; s; s = s->next) {
        put_line(p, indent + 1);
        if (s->kind != GQL_FIELD)
            ecom__put(p, s->condition ? "... on " : "...");
        if (s->condition)
            put_ref(p, s->condition);
        if (s->alias.p) {
            put_name(p, s->alias);
            ecom__put(p, ": ");
        }
        put_name(p, s->name);
        put_arguments(p, s->arguments);
        put_directives(p, s->directives);
        if (s->braces) {
            ecom__put(p, " ");
            put_selections(p, s->first, indent + 1);
        }
    }
    put_line(p, indent);
    ecom__put(p, "}");
}

static void put_description(struct ecom__writer *p, const struct gql_value *d, int indent)
{
    if (!d)
        return;
    if (p->r == ECOM_OK)
        p->r = ecom__gql_print_string(gql_str(d->text), d->block, indent, p->out);
    put_line(p, indent);
}

static void put_operation(struct ecom__writer *p, const struct gql_definition *d)
{
    static const char *const words[] = {"query", "mutation", "subscription"};

    if (d->shorthand) {
        put_selections(p, d->first, 0);
        return;
    }
    ecom__put(p, words[d->operation]);
    ecom__put(p, d->name.p || d->variables ? " " : "");
    put_name(p, d->name);
    for (const struct gql_variable *v = d->variables; v; v = v->next) {
        ecom__put(p, v == d->variables ? "(" : ", ");
        if (v->description && p->r == ECOM_OK)
            p->r = ecom__gql_print_string(gql_str(v->description->text), 0, 0, p->out);
        ecom__put(p, v->description ? " $" : "$");
        put_name(p, v->name);
        ecom__put(p, ": ");
        put_ref(p, v->type);
        if (v->fallback) {
            ecom__put(p, " = ");
            put_value(p, v->fallback);
        }
        put_directives(p, v->directives);
    }
    ecom__put(p, d->variables ? ")" : "");
    put_directives(p, d->directives);
    ecom__put(p, " ");
    put_selections(p, d->first, 0);
}

static void put_fragment(struct ecom__writer *p, const struct gql_definition *d)
{
    ecom__put(p, "fragment ");
    put_name(p, d->name);
    ecom__put(p, " on ");
    put_ref(p, d->condition);
    put_directives(p, d->directives);
    ecom__put(p, " ");
    put_selections(p, d->first, 0);
}

static void put_member(struct ecom__writer *p, const struct gql_member *m);

/* Arguments stand on one line unless one of them is described. */
static void put_member_arguments(struct ecom__writer *p, const struct gql_member *first, int indent)
{
    int described = 0;

    for (const struct gql_member *m = first; m; m = m->next)
        described |= m->description != NULL;
    for (const struct gql_member *m = first; m; m = m->next) {
        ecom__put(p, m == first ? "(" : described ? "" : ", ");
        if (described) {
            put_line(p, indent + 1);
            put_description(p, m->description, indent + 1);
        }
        put_member(p, m);
    }
    if (described)
        put_line(p, indent);
    ecom__put(p, first ? ")" : "");
}

static void put_member(struct ecom__writer *p, const struct gql_member *m)
{
    put_name(p, m->name);
    put_member_arguments(p, m->arguments, 1);
    if (m->type) {
        ecom__put(p, ": ");
        put_ref(p, m->type);
    }
    if (m->fallback) {
        ecom__put(p, " = ");
        put_value(p, m->fallback);
    }
    put_directives(p, m->directives);
}

static void put_members(struct ecom__writer *p, const struct gql_member *m)
{
    if (!m)
        return;
    ecom__put(p, " {");
    for (; m; m = m->next) {
        put_line(p, 1);
        put_description(p, m->description, 1);
        put_member(p, m);
    }
    ecom__put(p, "\n}");
}

static void put_names(struct ecom__writer *p, const struct gql_names *n, const char *before,
                      const char *between)
{
    for (const char *sep = before; n; n = n->next, sep = between) {
        ecom__put(p, sep);
        put_name(p, n->name);
    }
}

static void put_system(struct ecom__writer *p, const struct gql_definition *d)
{
    static const char *const words[] = {
        [GQL_SCHEMA] = "schema",     [GQL_SCALAR_TYPE] = "scalar ",
        [GQL_OBJECT_TYPE] = "type ", [GQL_INTERFACE_TYPE] = "interface ",
        [GQL_UNION_TYPE] = "union ", [GQL_ENUM_TYPE] = "enum ",
        [GQL_INPUT_TYPE] = "input ", [GQL_DIRECTIVE] = "directive @"};

    ecom__put(p, d->extension ? "extend " : "");
    ecom__put(p, words[d->kind]);
    put_name(p, d->name);
    if (d->kind == GQL_DIRECTIVE) {
        put_member_arguments(p, d->members, 0);
        ecom__put(p, d->repeatable ? " repeatable" : "");
        put_names(p, d->names, " on ", " | ");
        return;
    }
    if (d->kind != GQL_UNION_TYPE)
        put_names(p, d->names, " implements ", " & ");
    put_directives(p, d->directives);
    if (d->kind == GQL_UNION_TYPE)
        put_names(p, d->names, " = ", " | ");
    put_members(p, d->members);
}

int ecom__gql_print(const struct gql_document *document, ecom_buf *out)
{
    struct ecom__writer p = {out, ECOM_OK};

    for (const struct gql_definition *d = document->first; d; d = d->next) {
        ecom__put(&p, d == document->first ? "" : "\n\n");
        put_description(&p, d->description, 0);
        if (d->kind == GQL_OPERATION)
            put_operation(&p, d);
        else if (d->kind == GQL_FRAGMENT)
            put_fragment(&p, d);
        else
            put_system(&p, d);
    }
    return p.r;
}
