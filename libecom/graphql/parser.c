#include "graphql/parser.h"

#include <stdio.h>
#include <string.h>

void ecom__gql_advance(struct gql_parser *p)
{
    if (p->failed)
        return;
    p->end = p->token.end;
    int r = ecom__gql_lex(&p->lexer, &p->token);
    if (r < 0) {
        p->failed = r;
        p->token = (struct gql_token){.kind = GQL_T_END, .at = p->token.at, .end = p->token.at};
    }
}

static int fail(struct gql_parser *p, int code)
{
    if (!p->failed)
        p->failed = code;
    p->token = (struct gql_token){.kind = GQL_T_END, .at = p->token.at, .end = p->token.at};
    return 0;
}

int ecom__gql_fail_at(struct gql_parser *p, uint32_t at, const char *text)
{
    return p->failed ? 0
                     : fail(p, ecom__gql_report(p->lexer.errors, &at, 1, "Syntax Error: %s", text));
}

void ecom__gql_unexpected(struct gql_parser *p)
{
    char found[160];

    if (p->failed)
        return;
    ecom__gql_token_text(&p->lexer, &p->token, found);
    fail(p,
         ecom__gql_report(p->lexer.errors, &p->token.at, 1, "Syntax Error: Unexpected %s.", found));
}

static void expected(struct gql_parser *p, const char *what)
{
    char found[160];

    if (p->failed)
        return;
    ecom__gql_token_text(&p->lexer, &p->token, found);
    fail(p, ecom__gql_report(p->lexer.errors, &p->token.at, 1,
                             "Syntax Error: Expected %s, found %s.", what, found));
}

int ecom__gql_take(struct gql_parser *p, uint8_t kind)
{
    if (p->token.kind != kind)
        return 0;
    ecom__gql_advance(p);
    return 1;
}

void ecom__gql_expect(struct gql_parser *p, uint8_t kind)
{
    char text[] = {'"', (char)kind, '"', '\0'};

    if (!ecom__gql_take(p, kind))
        expected(p, text);
}

int ecom__gql_at_word(const struct gql_parser *p, const char *word)
{
    size_t n = strlen(word);

    return p->token.kind == GQL_T_NAME && p->token.end - p->token.at == n &&
           memcmp(p->lexer.source.p + p->token.at, word, n) == 0;
}

int ecom__gql_take_word(struct gql_parser *p, const char *word)
{
    if (!ecom__gql_at_word(p, word))
        return 0;
    ecom__gql_advance(p);
    return 1;
}

void ecom__gql_expect_word(struct gql_parser *p, const char *word)
{
    char text[32];

    if (ecom__gql_take_word(p, word))
        return;
    snprintf(text, sizeof(text), "\"%.28s\"", word);
    expected(p, text);
}

void *ecom__gql_node(struct gql_parser *p, size_t size)
{
    void *node = p->failed ? NULL : ecom_arena_alloc(p->arena, size);

    if (!node)
        fail(p, ECOM_E_NOMEM);
    return node;
}

/* Counts a level of nesting; 0 when that is too deep. */
static int deeper(struct gql_parser *p)
{
    if (++p->depth <= p->max_depth)
        return 1;
    if (!p->failed)
        fail(p, ecom__gql_exceeded(p->lexer.errors, p->token.at,
                                   "Syntax Error: Document is nested deeper than %u levels "
                                   "(max_nesting). Parsing aborted.",
                                   p->max_depth));
    return 0;
}

static struct gql_name token_name(const struct gql_parser *p)
{
    return (struct gql_name){p->lexer.source.p + p->token.at, p->token.end - p->token.at,
                             p->token.hash, p->token.at};
}

struct gql_name ecom__gql_parse_name(struct gql_parser *p)
{
    if (p->token.kind != GQL_T_NAME) {
        expected(p, "Name");
        return (struct gql_name){NULL, 0, 0, p->token.at};
    }
    struct gql_name name = token_name(p);
    ecom__gql_advance(p);
    return name;
}

static void parse_string(struct gql_parser *p, struct gql_value *v)
{
    ecom_str s = ecom__gql_string(&p->lexer, &p->token, p->arena);

    if (!s.p) {
        fail(p, ECOM_E_NOMEM);
        return;
    }
    v->kind = GQL_STRING;
    v->block = p->token.kind == GQL_T_BLOCK;
    v->text = (struct gql_name){s.p, (uint32_t)s.n, 0, p->token.at};
    ecom__gql_advance(p);
}

static void parse_word(struct gql_parser *p, struct gql_value *v)
{
    v->text = token_name(p);
    v->truth = (uint8_t)ecom__gql_at_word(p, "true");
    v->kind = v->truth || ecom__gql_at_word(p, "false") ? GQL_BOOL
              : ecom__gql_at_word(p, "null")            ? GQL_NULL
                                                        : GQL_ENUM;
    ecom__gql_advance(p);
}

static void parse_variable(struct gql_parser *p, struct gql_value *v, int constant)
{
    struct gql_token dollar = p->token;

    ecom__gql_advance(p);
    if (constant && p->token.kind == GQL_T_NAME && !p->failed) {
        ecom_str name = gql_str(token_name(p));
        ecom_str text =
            ecom__gql_format(p->arena, "Unexpected variable \"$%.*s\" in constant value.",
                             (int)(name.n < 100 ? name.n : 100), name.p);
        if (text.p)
            ecom__gql_fail_at(p, v->at, text.p);
        else
            fail(p, ECOM_E_NOMEM);
    } else if (constant && !p->failed) {
        p->token = dollar;
        ecom__gql_unexpected(p);
    }
    v->kind = GQL_VARIABLE;
    v->constant = 0;
    v->text = ecom__gql_parse_name(p);
}

/* The items of a list up to `]`, or the members of an object up to `}`. */
static void parse_inner(struct gql_parser *p, struct gql_value *v, int constant)
{
    struct gql_value **last = &v->first;
    uint8_t close = p->token.kind == '[' ? ']' : '}';

    v->kind = close == ']' ? GQL_LIST : GQL_OBJECT;
    ecom__gql_advance(p);
    while (!p->failed && !ecom__gql_take(p, close)) {
        struct gql_name name = {0};
        if (v->kind == GQL_OBJECT) {
            name = ecom__gql_parse_name(p);
            ecom__gql_expect(p, ':');
        }
        struct gql_value *item = ecom__gql_parse_value(p, constant);
        if (!item)
            return;
        item->name = name;
        v->constant = (uint8_t)(v->constant && item->constant);
        v->count++;
        *last = item;
        last = &item->next;
    }
}

struct gql_value *ecom__gql_parse_value(struct gql_parser *p, int constant)
{
    struct gql_value *v = deeper(p) ? ecom__gql_node(p, sizeof(*v)) : NULL;

    if (!v)
        return NULL;
    v->at = p->token.at;
    v->constant = 1;
    switch (p->token.kind) {
    case GQL_T_INT:
    case GQL_T_FLOAT:
        v->kind = p->token.kind == GQL_T_INT ? GQL_INT : GQL_FLOAT;
        v->text = token_name(p);
        ecom__gql_advance(p);
        break;
    case GQL_T_STRING:
    case GQL_T_BLOCK:
        parse_string(p, v);
        break;
    case GQL_T_NAME:
        parse_word(p, v);
        break;
    case '$':
        parse_variable(p, v, constant);
        break;
    case '[':
    case '{':
        parse_inner(p, v, constant);
        break;
    default:
        ecom__gql_unexpected(p);
    }
    p->depth--;
    return p->failed ? NULL : v;
}

struct gql_ref *ecom__gql_parse_named(struct gql_parser *p)
{
    struct gql_ref *ref = ecom__gql_node(p, sizeof(*ref));

    if (!ref)
        return NULL;
    ref->kind = GQL_NAMED;
    ref->at = p->token.at;
    ref->name = ecom__gql_parse_name(p);
    return ref;
}

struct gql_ref *ecom__gql_parse_ref(struct gql_parser *p)
{
    uint32_t at = p->token.at;
    struct gql_ref *ref, *wrap;

    if (!deeper(p))
        return NULL;
    if (ecom__gql_take(p, '[')) {
        struct gql_ref *of = ecom__gql_parse_ref(p);
        ecom__gql_expect(p, ']');
        if (!(ref = ecom__gql_node(p, sizeof(*ref))))
            return NULL;
        *ref = (struct gql_ref){.kind = GQL_LIST_OF, .of = of, .at = at};
    } else {
        ref = ecom__gql_parse_named(p);
    }
    p->depth--;
    if (ecom__gql_take(p, '!')) {
        if (!(wrap = ecom__gql_node(p, sizeof(*wrap))))
            return NULL;
        *wrap = (struct gql_ref){.kind = GQL_NON_NULL, .of = ref, .at = at};
        ref = wrap;
    }
    return ref;
}

static struct gql_argument *parse_arguments(struct gql_parser *p, int constant)
{
    struct gql_argument *first = NULL, **last = &first;

    if (!ecom__gql_take(p, '('))
        return NULL;
    do {
        struct gql_argument *a = ecom__gql_node(p, sizeof(*a));
        if (!a)
            return NULL;
        a->name = ecom__gql_parse_name(p);
        ecom__gql_expect(p, ':');
        a->value = ecom__gql_parse_value(p, constant);
        *last = a;
        last = &a->next;
    } while (!p->failed && !ecom__gql_take(p, ')'));
    return first;
}

struct gql_directive *ecom__gql_parse_directives(struct gql_parser *p, int constant)
{
    struct gql_directive *first = NULL, **last = &first;

    while (p->token.kind == '@') {
        struct gql_directive *d = ecom__gql_node(p, sizeof(*d));
        if (!d)
            return NULL;
        d->at = p->token.at;
        ecom__gql_advance(p);
        d->name = ecom__gql_parse_name(p);
        d->arguments = parse_arguments(p, constant);
        d->end = p->end;
        p->document->ndirectives++;
        *last = d;
        last = &d->next;
    }
    return first;
}

static struct gql_selection *parse_selections(struct gql_parser *p);

static void parse_field(struct gql_parser *p, struct gql_selection *s)
{
    s->kind = GQL_FIELD;
    s->name = ecom__gql_parse_name(p);
    if (ecom__gql_take(p, ':')) {
        s->alias = s->name;
        s->name = ecom__gql_parse_name(p);
        p->document->naliases++;
    }
    s->arguments = parse_arguments(p, 0);
    s->directives = ecom__gql_parse_directives(p, 0);
    if (p->token.kind == '{') {
        s->braces = 1;
        s->brace = p->token.at;
        s->first = parse_selections(p);
    }
}

/* Behind the dots: `Name`, `on Type {`, or nothing before the braces. */
static void parse_spread(struct gql_parser *p, struct gql_selection *s)
{
    ecom__gql_advance(p);
    if (p->token.kind == GQL_T_NAME && !ecom__gql_at_word(p, "on")) {
        s->kind = GQL_SPREAD;
        s->name = ecom__gql_parse_name(p);
        s->directives = ecom__gql_parse_directives(p, 0);
        return;
    }
    s->kind = GQL_INLINE;
    s->braces = 1;
    if (ecom__gql_take_word(p, "on"))
        s->condition = ecom__gql_parse_named(p);
    s->directives = ecom__gql_parse_directives(p, 0);
    s->first = parse_selections(p);
}

static struct gql_selection *parse_selections(struct gql_parser *p)
{
    struct gql_selection *first = NULL, **last = &first;

    if (!deeper(p))
        return NULL;
    ecom__gql_expect(p, '{');
    do {
        struct gql_selection *s = ecom__gql_node(p, sizeof(*s));
        if (!s)
            return NULL;
        s->at = p->token.at;
        s->number = p->document->nselections++;
        if (p->token.kind == GQL_T_SPREAD)
            parse_spread(p, s);
        else
            parse_field(p, s);
        s->end = p->end;
        *last = s;
        last = &s->next;
    } while (!p->failed && !ecom__gql_take(p, '}'));
    p->depth--;
    return first;
}

static struct gql_variable *parse_variable_definitions(struct gql_parser *p, uint32_t *n)
{
    struct gql_variable *first = NULL, **last = &first;

    if (!ecom__gql_take(p, '('))
        return NULL;
    do {
        struct gql_variable *v = ecom__gql_node(p, sizeof(*v));
        if (!v)
            return NULL;
        v->description = ecom__gql_parse_description(p);
        uint32_t at = p->token.at;
        ecom__gql_expect(p, '$');
        v->name = ecom__gql_parse_name(p);
        v->name.at = at;
        ecom__gql_expect(p, ':');
        v->type = ecom__gql_parse_ref(p);
        if (ecom__gql_take(p, '='))
            v->fallback = ecom__gql_parse_value(p, 1);
        v->directives = ecom__gql_parse_directives(p, 1);
        v->index = (*n)++;
        *last = v;
        last = &v->next;
    } while (!p->failed && !ecom__gql_take(p, ')'));
    return first;
}

static void parse_operation(struct gql_parser *p, struct gql_definition *d)
{
    d->kind = GQL_OPERATION;
    p->document->noperations++;
    if (p->token.kind == '{') {
        d->shorthand = 1;
        d->first = parse_selections(p);
        return;
    }
    d->operation = ecom__gql_at_word(p, "query")      ? GQL_QUERY
                   : ecom__gql_at_word(p, "mutation") ? GQL_MUTATION
                                                      : GQL_SUBSCRIPTION;
    ecom__gql_advance(p);
    if (p->token.kind == GQL_T_NAME)
        d->name = ecom__gql_parse_name(p);
    d->variables = parse_variable_definitions(p, &d->nvariables);
    d->directives = ecom__gql_parse_directives(p, 0);
    d->first = parse_selections(p);
}

static void parse_fragment(struct gql_parser *p, struct gql_definition *d)
{
    d->kind = GQL_FRAGMENT;
    d->index = p->document->nfragments++;
    ecom__gql_advance(p);
    if (ecom__gql_at_word(p, "on")) {
        ecom__gql_unexpected(p);
        return;
    }
    d->name = ecom__gql_parse_name(p);
    ecom__gql_expect_word(p, "on");
    d->condition = ecom__gql_parse_named(p);
    d->directives = ecom__gql_parse_directives(p, 0);
    d->first = parse_selections(p);
}

struct gql_value *ecom__gql_parse_description(struct gql_parser *p)
{
    if (p->token.kind != GQL_T_STRING && p->token.kind != GQL_T_BLOCK)
        return NULL;
    return ecom__gql_parse_value(p, 1);
}

static void not_a_definition(struct gql_parser *p, const struct gql_definition *d)
{
    if (d->description && p->token.kind == GQL_T_NAME)
        ecom__gql_fail_at(p, d->description->at,
                          "Unexpected description, only GraphQL definitions support descriptions.");
    else
        ecom__gql_unexpected(p);
}

static void parse_definition(struct gql_parser *p, struct gql_definition *d)
{
    d->at = p->token.at;
    d->description = ecom__gql_parse_description(p);
    if (p->failed)
        return;
    if (d->description && p->token.kind == '{')
        ecom__gql_fail_at(p, d->description->at,
                          "Unexpected description, descriptions are not supported on shorthand "
                          "queries.");
    else if (p->token.kind == '{' || ecom__gql_at_word(p, "query") ||
             ecom__gql_at_word(p, "mutation") || ecom__gql_at_word(p, "subscription"))
        parse_operation(p, d);
    else if (ecom__gql_at_word(p, "fragment"))
        parse_fragment(p, d);
    else if (!d->description && ecom__gql_at_word(p, "extend"))
        ecom__gql_parse_extension(p, d);
    else if (!ecom__gql_parse_system(p, d))
        not_a_definition(p, d);
}

static int parse_document(struct gql_parser *p)
{
    struct gql_definition **last = &p->document->first;

    ecom__gql_advance(p);
    do {
        struct gql_definition *d = ecom__gql_node(p, sizeof(*d));
        if (!d)
            break;
        parse_definition(p, d);
        d->end = p->end;
        p->document->ndefinitions++;
        *last = d;
        last = &d->next;
    } while (!p->failed && p->token.kind != GQL_T_END);
    return p->failed;
}

int ecom__gql_parse(ecom_str text, const struct gql_bounds *bounds, ecom_arena *arena,
                    struct gql_document *out, struct gql_errors *errors)
{
    struct gql_document document = {0};

    if (text.n > bounds->max_bytes)
        return ecom__gql_exceeded(errors, UINT32_MAX,
                                  "The document has %zu bytes, more than %u (max_bytes).", text.n,
                                  bounds->max_bytes);
    document.source = ecom_arena_copy(arena, text);
    if (!document.source.p)
        return errors->code = ECOM_E_NOMEM;
    errors->source = document.source;

    struct gql_parser p = {
        .lexer = {.source = document.source,
                  .seed = bounds->seed,
                  .max_tokens = bounds->max_tokens,
                  .errors = errors},
        .arena = arena,
        .document = &document,
        .max_depth = bounds->max_depth,
    };
    int r = parse_document(&p);
    document.ntokens = p.lexer.ntokens;
    if (r == ECOM_OK)
        *out = document;
    else if (r == ECOM_E_NOMEM)
        errors->code = r;
    return r;
}
