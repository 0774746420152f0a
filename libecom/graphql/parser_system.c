/* The type-system half of the grammar: definitions and extensions of types. */
#include "graphql/parser.h"

static struct gql_member *parse_member(struct gql_parser *p, int fields);

/* `( a: T = 1 ... )` or `{ ... }`; NULL when the opening token is not there. @p fields: members may
 * have arguments, and no default. */
static struct gql_member *parse_members(struct gql_parser *p, uint8_t open, uint8_t close,
                                        int fields)
{
    struct gql_member *first = NULL, **last = &first;

    if (!ecom__gql_take(p, open))
        return NULL;
    do {
        struct gql_member *m = parse_member(p, fields);
        if (!m)
            return NULL;
        *last = m;
        last = &m->next;
    } while (!p->failed && !ecom__gql_take(p, close));
    return first;
}

static struct gql_member *parse_member(struct gql_parser *p, int fields)
{
    struct gql_member *m = ecom__gql_node(p, sizeof(*m));

    if (!m)
        return NULL;
    m->description = ecom__gql_parse_description(p);
    m->name = ecom__gql_parse_name(p);
    if (fields)
        m->arguments = parse_members(p, '(', ')', 0);
    ecom__gql_expect(p, ':');
    m->type = ecom__gql_parse_ref(p);
    if (!fields && ecom__gql_take(p, '='))
        m->fallback = ecom__gql_parse_value(p, 1);
    m->directives = ecom__gql_parse_directives(p, 1);
    return m;
}

static struct gql_names *parse_names(struct gql_parser *p, uint8_t separator)
{
    struct gql_names *first = NULL, **last = &first;

    ecom__gql_take(p, separator);
    do {
        struct gql_names *n = ecom__gql_node(p, sizeof(*n));
        if (!n)
            return NULL;
        n->name = ecom__gql_parse_name(p);
        *last = n;
        last = &n->next;
    } while (ecom__gql_take(p, separator));
    return first;
}

/* `{ query: Query }`: a schema must have one at least, its extension need not. */
static struct gql_member *parse_roots(struct gql_parser *p)
{
    static const char *const words[] = {"query", "mutation", "subscription"};
    struct gql_member *first = NULL, **last = &first;

    ecom__gql_expect(p, '{');
    do {
        struct gql_member *m = ecom__gql_node(p, sizeof(*m));
        if (!m)
            return NULL;
        while (m->operation < 3 && !ecom__gql_at_word(p, words[m->operation]))
            m->operation++;
        if (m->operation == 3 && p->token.kind == GQL_T_NAME)
            ecom__gql_unexpected(p);
        m->name = ecom__gql_parse_name(p);
        ecom__gql_expect(p, ':');
        m->type = ecom__gql_parse_named(p);
        *last = m;
        last = &m->next;
    } while (!p->failed && !ecom__gql_take(p, '}'));
    return first;
}

static struct gql_member *parse_enum_values(struct gql_parser *p)
{
    struct gql_member *first = NULL, **last = &first;

    if (!ecom__gql_take(p, '{'))
        return NULL;
    do {
        struct gql_member *m = ecom__gql_node(p, sizeof(*m));
        if (!m)
            return NULL;
        m->description = ecom__gql_parse_description(p);
        if (ecom__gql_at_word(p, "true") || ecom__gql_at_word(p, "false") ||
            ecom__gql_at_word(p, "null")) {
            ecom_str text = ecom__gql_format(
                p->arena, "Name \"%.*s\" is reserved and cannot be used for an enum value.",
                (int)(p->token.end - p->token.at), p->lexer.source.p + p->token.at);
            ecom__gql_fail_at(p, p->token.at, text.p ? text.p : "Name is reserved.");
        }
        m->name = ecom__gql_parse_name(p);
        m->directives = ecom__gql_parse_directives(p, 1);
        *last = m;
        last = &m->next;
    } while (!p->failed && !ecom__gql_take(p, '}'));
    return first;
}

static void parse_schema(struct gql_parser *p, struct gql_definition *d)
{
    d->directives = ecom__gql_parse_directives(p, 1);
    if (!d->extension || p->token.kind == '{')
        d->members = parse_roots(p);
}

static void parse_scalar(struct gql_parser *p, struct gql_definition *d)
{
    d->name = ecom__gql_parse_name(p);
    d->directives = ecom__gql_parse_directives(p, 1);
}

static void parse_object(struct gql_parser *p, struct gql_definition *d)
{
    d->name = ecom__gql_parse_name(p);
    if (ecom__gql_take_word(p, "implements"))
        d->names = parse_names(p, '&');
    d->directives = ecom__gql_parse_directives(p, 1);
    d->members = parse_members(p, '{', '}', 1);
}

static void parse_union(struct gql_parser *p, struct gql_definition *d)
{
    d->name = ecom__gql_parse_name(p);
    d->directives = ecom__gql_parse_directives(p, 1);
    if (ecom__gql_take(p, '='))
        d->names = parse_names(p, '|');
}

static void parse_enum(struct gql_parser *p, struct gql_definition *d)
{
    d->name = ecom__gql_parse_name(p);
    d->directives = ecom__gql_parse_directives(p, 1);
    d->members = parse_enum_values(p);
}

static void parse_input(struct gql_parser *p, struct gql_definition *d)
{
    d->name = ecom__gql_parse_name(p);
    d->directives = ecom__gql_parse_directives(p, 1);
    d->members = parse_members(p, '{', '}', 0);
}

static int is_location(const struct gql_name *name)
{
    static const char *const locations[] = {
        "QUERY",           "MUTATION",     "SUBSCRIPTION",           "FIELD",
        "FRAGMENT_SPREAD", "SCHEMA",       "FRAGMENT_DEFINITION",    "INLINE_FRAGMENT",
        "SCALAR",          "OBJECT",       "VARIABLE_DEFINITION",    "FIELD_DEFINITION",
        "INTERFACE",       "UNION",        "ARGUMENT_DEFINITION",    "ENUM",
        "ENUM_VALUE",      "INPUT_OBJECT", "INPUT_FIELD_DEFINITION",
    };

    for (size_t i = 0; i < sizeof(locations) / sizeof(locations[0]); i++)
        if (ecom_str_eq(gql_str(*name), ecom_str_of(locations[i])))
            return 1;
    return 0;
}

static void parse_directive(struct gql_parser *p, struct gql_definition *d)
{
    ecom__gql_expect(p, '@');
    d->name = ecom__gql_parse_name(p);
    d->members = parse_members(p, '(', ')', 0);
    d->repeatable = (uint8_t)ecom__gql_take_word(p, "repeatable");
    ecom__gql_expect_word(p, "on");
    if (p->failed)
        return;
    d->names = parse_names(p, '|');
    for (struct gql_names *n = d->names; n && !p->failed; n = n->next)
        if (!is_location(&n->name)) {
            ecom_str text =
                ecom__gql_format(p->arena, "Unexpected Name \"%.*s\".", GQL_P(gql_str(n->name)));
            ecom__gql_fail_at(p, n->name.at, text.p ? text.p : "Unexpected Name.");
        }
}

static const struct {
    const char *word;
    void (*parse)(struct gql_parser *p, struct gql_definition *d);
    uint8_t kind;
} keywords[] = {
    {"type", parse_object, GQL_OBJECT_TYPE}, {"input", parse_input, GQL_INPUT_TYPE},
    {"enum", parse_enum, GQL_ENUM_TYPE},     {"interface", parse_object, GQL_INTERFACE_TYPE},
    {"union", parse_union, GQL_UNION_TYPE},  {"scalar", parse_scalar, GQL_SCALAR_TYPE},
    {"schema", parse_schema, GQL_SCHEMA},    {"directive", parse_directive, GQL_DIRECTIVE},
};

int ecom__gql_parse_system(struct gql_parser *p, struct gql_definition *d)
{
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (!ecom__gql_at_word(p, keywords[i].word))
            continue;
        if (d->extension && keywords[i].kind == GQL_DIRECTIVE)
            return 0;
        ecom__gql_advance(p);
        d->kind = keywords[i].kind;
        keywords[i].parse(p, d);
        return 1;
    }
    return 0;
}

void ecom__gql_parse_extension(struct gql_parser *p, struct gql_definition *d)
{
    ecom__gql_advance(p);
    d->extension = 1;
    /* An extension must add something. */
    if (!ecom__gql_parse_system(p, d) || (!d->directives && !d->members && !d->names))
        ecom__gql_unexpected(p);
}
