/* From the text of a schema to its types: names first, then members, then what joins them. */
#include "graphql/coerce.h"
#include "graphql/introspect.h"
#include "graphql/schema.h"
#include "graphql/suggest.h"

#include <string.h>

enum { MAX_SDL_BYTES = 16 << 20, MAX_SDL_TOKENS = 4 << 20, MAX_SDL_NESTING = 64 };

struct builder {
    struct gql_schema *schema;
    struct gql_errors *errors;
    struct gql_document documents[2]; /* the language's own, the caller's */
};

static void *node(struct builder *b, size_t count, size_t size)
{
    void *p = count < 65536 ? ecom_arena_alloc(b->schema->arena, count * size) : NULL;

    if (!p)
        b->errors->code = ECOM_E_NOMEM;
    return p;
}

#define REPORT(b_, at_, ...)                                     \
    do {                                                         \
        uint32_t place_ = (at_);                                 \
        ecom__gql_report((b_)->errors, &place_, 1, __VA_ARGS__); \
    } while (0)
#define NAME(n_) GQL_P(gql_str(n_))

static ecom_str text_of(const struct gql_value *description)
{
    return description ? gql_str(description->text) : (ecom_str){NULL, 0};
}

static const struct gql_directive *find_directive(const struct gql_directive *d, const char *name)
{
    while (d && !ecom_str_eq(gql_str(d->name), ecom_str_of(name)))
        d = d->next;
    return d;
}

static ecom_str directive_text(const struct gql_directive *d, const char *argument,
                               const char *fallback)
{
    for (const struct gql_argument *a = d->arguments; a; a = a->next)
        if (ecom_str_eq(gql_str(a->name), ecom_str_of(argument)) && a->value->kind == GQL_STRING)
            return gql_str(a->value->text);
    return ecom_str_of(fallback);
}

static struct gql_deprecation deprecation(const struct gql_directive *directives)
{
    const struct gql_directive *d = find_directive(directives, "deprecated");

    if (!d)
        return (struct gql_deprecation){0};
    return (struct gql_deprecation){1, directive_text(d, "reason", "No longer supported")};
}

/* Resolvers get names as C strings. */
static struct gql_name own_name(struct builder *b, struct gql_name name)
{
    ecom_str copy = ecom_arena_copy(b->schema->arena, gql_str(name));

    if (copy.p)
        name.p = copy.p;
    else
        b->errors->code = ECOM_E_NOMEM;
    return name;
}

/* ---- the names */

static int make_slots(struct builder *b)
{
    struct gql_schema *schema = b->schema;
    uint32_t n = b->documents[0].ndefinitions + b->documents[1].ndefinitions;

    for (schema->nslots = 4; schema->nslots < 2 * n;)
        schema->nslots *= 2;
    schema->by_name = ecom_arena_alloc(schema->arena, schema->nslots * sizeof(*schema->by_name));
    return schema->by_name ? ECOM_OK : ECOM_E_NOMEM;
}

static const uint8_t kind_of[] = {
    [GQL_SCALAR_TYPE] = GQL_KIND_SCALAR,       [GQL_OBJECT_TYPE] = GQL_KIND_OBJECT,
    [GQL_INTERFACE_TYPE] = GQL_KIND_INTERFACE, [GQL_UNION_TYPE] = GQL_KIND_UNION,
    [GQL_ENUM_TYPE] = GQL_KIND_ENUM,           [GQL_INPUT_TYPE] = GQL_KIND_INPUT,
};

static uint8_t builtin_of(ecom_str name)
{
    static const char *const names[] = {"", "Int", "Float", "String", "Boolean", "ID"};

    for (uint8_t i = GQL_B_INT; i <= GQL_B_ID; i++)
        if (ecom_str_eq(name, ecom_str_of(names[i])))
            return i;
    return GQL_CUSTOM;
}

static void add_type(struct builder *b, const struct gql_definition *d, int internal)
{
    struct gql_schema *schema = b->schema;
    struct gql_type *type, **slot = &schema->by_name[d->name.hash & (schema->nslots - 1)];

    type = ecom__gql_type(schema, d->name);
    if (type && type->internal && type->kind == GQL_KIND_SCALAR && d->kind == GQL_SCALAR_TYPE)
        return; /* `scalar ID` in a schema's text says nothing new */
    if (type) {
        REPORT(b, d->name.at, "There can be only one type named \"%.*s\".", NAME(d->name));
        return;
    }
    if (!(type = node(b, 1, sizeof(*type))))
        return;
    *type = (struct gql_type){.name = own_name(b, d->name),
                              .kind = kind_of[d->kind],
                              .description = text_of(d->description),
                              .internal = (uint8_t)internal,
                              .index = schema->ntypes++,
                              .collision = *slot};
    if (internal && type->kind == GQL_KIND_SCALAR)
        type->builtin = builtin_of(gql_str(d->name));
    *slot = type;
    if (schema->last_type)
        schema->last_type->next = type;
    else
        schema->types = type;
    schema->last_type = type;
}

static void add_directive(struct builder *b, const struct gql_definition *d, int internal)
{
    struct gql_directive_type *type, **last = &b->schema->directives;

    for (; *last; last = &(*last)->next)
        if (gql_same((*last)->name, d->name)) {
            if (!(*last)->internal) /* writing out one of the language's own is no fault */
                REPORT(b, d->name.at, "There can be only one directive named \"@%.*s\".",
                       NAME(d->name));
            return;
        }
    if (!(type = node(b, 1, sizeof(*type))))
        return;
    *type = (struct gql_directive_type){.name = d->name,
                                        .description = text_of(d->description),
                                        .locations = d->names,
                                        .index = b->schema->ndirectives++,
                                        .repeatable = d->repeatable,
                                        .internal = (uint8_t)internal};
    type->is_skip = internal && ecom_str_eq(gql_str(d->name), ecom_str_of("skip"));
    type->is_include = internal && ecom_str_eq(gql_str(d->name), ecom_str_of("include"));
    type->is_defer = internal && ecom_str_eq(gql_str(d->name), ecom_str_of("defer"));
    type->is_stream = internal && ecom_str_eq(gql_str(d->name), ecom_str_of("stream"));
    *last = type;
}

static void add_names(struct builder *b, int own)
{
    for (const struct gql_definition *d = b->documents[own].first; d; d = d->next) {
        if (d->kind == GQL_OPERATION || d->kind == GQL_FRAGMENT)
            REPORT(b, d->at,
                   "The schema's text must hold definitions of types, no operations or fragments.");
        else if (d->extension || d->kind == GQL_SCHEMA)
            continue;
        else if (d->kind == GQL_DIRECTIVE)
            add_directive(b, d, !own);
        else
            add_type(b, d, !own);
    }
}

static void check_extensions(struct builder *b)
{
    static const char *const words[] = {"scalar", "object", "interface",
                                        "union",  "enum",   "input object"};

    for (const struct gql_definition *d = b->documents[1].first; d; d = d->next) {
        if (!d->extension || d->kind == GQL_SCHEMA)
            continue;
        const struct gql_type *type = ecom__gql_type(b->schema, d->name);
        if (!type)
            REPORT(b, d->name.at, "Cannot extend type \"%.*s\" because it is not defined.",
                   NAME(d->name));
        else if (type->kind != kind_of[d->kind])
            REPORT(b, d->name.at, "Cannot extend non-%s type \"%.*s\".", words[kind_of[d->kind]],
                   NAME(d->name));
    }
}

static int is_type(const struct gql_definition *d)
{
    return d->kind >= GQL_SCALAR_TYPE && d->kind <= GQL_INPUT_TYPE;
}

/* Hangs each definition and extension behind those of its type that come before it. Of a scalar
 * that both texts define, the language's counts. */
static void gather_parts(struct builder *b, int own)
{
    for (struct gql_definition *d = b->documents[own].first; d; d = d->next) {
        struct gql_type *type = is_type(d) ? ecom__gql_type(b->schema, d->name) : NULL;
        if (!type || type->internal == own || type->kind != kind_of[d->kind])
            continue;
        if (type->last_part)
            type->last_part->part = d;
        else
            type->parts = d;
        type->last_part = d;
    }
}

/* ---- the members */

static void resolve_ref(struct builder *b, struct gql_ref *ref)
{
    struct gql_ref *named = ref;

    while (named->kind != GQL_NAMED)
        named = named->of;
    const struct gql_type *type = ecom__gql_type(b->schema, named->name);
    if (!type) {
        ecom_str meant = ecom__gql_suggest_type(b->errors, b->schema, gql_str(named->name));
        REPORT(b, named->at, "Unknown type \"%.*s\".%.*s", NAME(named->name), GQL_P(meant));
    }
    for (; ref; ref = ref->of)
        ref->type = type;
}

static uint32_t count_members(const struct gql_member *m)
{
    uint32_t n = 0;

    for (; m; m = m->next)
        n++;
    return n;
}

/* @p owner: how the place is called in a problem, `Query.field`. */
static void fill_inputs(struct builder *b, struct gql_inputs *inputs, const struct gql_member *m,
                        ecom_str owner)
{
    for (; m && inputs->items; m = m->next) {
        if (ecom__gql_input(inputs, m->name)) {
            REPORT(b, m->name.at, "\"%.*s.%.*s\" can only be defined once.", GQL_P(owner),
                   NAME(m->name));
            continue;
        }
        resolve_ref(b, m->type);
        inputs->items[inputs->n++] = (struct gql_input){.name = m->name,
                                                        .description = text_of(m->description),
                                                        .type = m->type,
                                                        .fallback = m->fallback,
                                                        .deprecated = deprecation(m->directives),
                                                        .directives = m->directives};
    }
}

static void build_inputs(struct builder *b, struct gql_inputs *inputs, const struct gql_member *m,
                         ecom_str owner)
{
    inputs->items = node(b, count_members(m), sizeof(*inputs->items));
    fill_inputs(b, inputs, m, owner);
    for (uint32_t i = 0; i < inputs->n; i++)
        inputs->items[i].is_length =
            ecom_str_eq(gql_str(inputs->items[i].name), ecom_str_of("first")) ||
            ecom_str_eq(gql_str(inputs->items[i].name), ecom_str_of("last"));
}

static void index_field(struct gql_type *type, uint32_t number)
{
    uint32_t i = type->fields[number].name.hash;

    while (type->slots[i & (type->nslots - 1)])
        i++;
    type->slots[i & (type->nslots - 1)] = (uint16_t)(number + 1);
}

static void add_field(struct builder *b, struct gql_type *type, const struct gql_member *m)
{
    struct gql_field *field = &type->fields[type->nfields];

    if (ecom__gql_field(type, m->name)) {
        REPORT(b, m->name.at, "Field \"%.*s.%.*s\" can only be defined once.", NAME(type->name),
               NAME(m->name));
        return;
    }
    resolve_ref(b, m->type);
    *field = (struct gql_field){.name = own_name(b, m->name),
                                .description = text_of(m->description),
                                .parent = type,
                                .type = m->type,
                                .deprecated = deprecation(m->directives),
                                .directives = m->directives};
    build_inputs(b, &field->arguments, m->arguments, gql_str(m->name));
    index_field(type, type->nfields++);
}

static uint32_t all_members(const struct gql_type *type)
{
    uint32_t n = 0;

    for (const struct gql_definition *d = type->parts; d; d = d->part)
        n += count_members(d->members);
    return n;
}

static void build_fields(struct builder *b, struct gql_type *type)
{
    uint32_t n = all_members(type);

    if (n > 16000) {
        REPORT(b, type->name.at, "Type %.*s has more than 16000 fields.", NAME(type->name));
        return;
    }
    for (type->nslots = 4; type->nslots < 2 * n;)
        type->nslots *= 2;
    type->fields = node(b, n, sizeof(*type->fields));
    type->slots = node(b, type->nslots, sizeof(*type->slots));
    if (!type->fields || !type->slots) {
        type->nslots = 0;
        return;
    }
    for (const struct gql_definition *d = type->parts; d; d = d->part)
        for (const struct gql_member *m = d->members; m; m = m->next)
            add_field(b, type, m);
}

static void build_values(struct builder *b, struct gql_type *type)
{
    if (!(type->values = node(b, all_members(type), sizeof(*type->values))))
        return;
    for (const struct gql_definition *d = type->parts; d; d = d->part)
        for (const struct gql_member *m = d->members; m; m = m->next) {
            if (ecom__gql_enum_value(type, gql_str(m->name)))
                REPORT(b, m->name.at, "Enum value \"%.*s.%.*s\" can only be defined once.",
                       NAME(type->name), NAME(m->name));
            else
                type->values[type->nvalues++] =
                    (struct gql_enum_value){.name = m->name,
                                            .description = text_of(m->description),
                                            .deprecated = deprecation(m->directives),
                                            .directives = m->directives};
        }
}

static void build_input_fields(struct builder *b, struct gql_type *type)
{
    type->inputs.items = node(b, all_members(type), sizeof(*type->inputs.items));
    for (const struct gql_definition *d = type->parts; d; d = d->part)
        fill_inputs(b, &type->inputs, d->members, gql_str(type->name));
}

/* Definitions and extensions have lists of their own: the next is hung behind the last. */
static void append_directives(struct gql_directive **list, struct gql_directive *more)
{
    while (*list)
        list = &(*list)->next;
    *list = more;
}

static void read_directives(struct gql_type *type, const struct gql_definition *d)
{
    const struct gql_directive *url = find_directive(d->directives, "specifiedBy");

    append_directives(&type->directives, d->directives);
    if (url && type->kind == GQL_KIND_SCALAR)
        type->specified_by = directive_text(url, "url", "");
    if (type->kind == GQL_KIND_INPUT && find_directive(d->directives, "oneOf"))
        type->one_of = 1;
}

static void build_members(struct builder *b, struct gql_type *type)
{
    for (const struct gql_definition *d = type->parts; d; d = d->part)
        read_directives(type, d);
    if (type->kind == GQL_KIND_OBJECT || type->kind == GQL_KIND_INTERFACE)
        build_fields(b, type);
    else if (type->kind == GQL_KIND_ENUM)
        build_values(b, type);
    else if (type->kind == GQL_KIND_INPUT)
        build_input_fields(b, type);
}

/* ---- what joins types */

static int contains(const struct gql_type *const *list, uint32_t n, const struct gql_type *type)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == type)
            return 1;
    return 0;
}

/* How many there will be is not known before all have come: the list doubles. */
static int grow_possible(struct builder *b, struct gql_type *type)
{
    uint32_t n = type->npossible;
    const struct gql_type **more;

    if (n & (n - 1))
        return 1;
    more = ecom_arena_alloc(b->schema->arena, (n ? 2 * n : 1) * sizeof(*more));
    if (!more) {
        b->errors->code = ECOM_E_NOMEM;
        return 0;
    }
    if (n)
        memcpy(more, type->possible, n * sizeof(*more));
    type->possible = more;
    return 1;
}

static void add_possible(struct builder *b, struct gql_type *type, const struct gql_type *object)
{
    if (!type->is_possible || gql_may_be(type, object) || !grow_possible(b, type))
        return;
    type->possible[type->npossible++] = object;
    type->is_possible[object->index / 8] |= (uint8_t)(1 << object->index % 8);
}

static void add_interface(struct builder *b, struct gql_type *type, const struct gql_names *n)
{
    struct gql_type *other = ecom__gql_type(b->schema, n->name);

    if (!other)
        REPORT(b, n->name.at, "Unknown type \"%.*s\".", NAME(n->name));
    else if (other->kind != GQL_KIND_INTERFACE)
        REPORT(b, n->name.at,
               "Type %.*s must only implement Interface types, it cannot implement %.*s.",
               NAME(type->name), NAME(n->name));
    else if (other == type)
        REPORT(b, n->name.at,
               "Type %.*s cannot implement itself because it would create a circular reference.",
               NAME(type->name));
    else if (contains(type->interfaces, type->ninterfaces, other))
        REPORT(b, n->name.at, "Type %.*s can only implement %.*s once.", NAME(type->name),
               NAME(n->name));
    else {
        type->interfaces[type->ninterfaces++] = other;
        if (type->kind == GQL_KIND_OBJECT)
            add_possible(b, other, type);
    }
}

static void add_union_member(struct builder *b, struct gql_type *type, const struct gql_names *n)
{
    const struct gql_type *member = ecom__gql_type(b->schema, n->name);

    if (!member)
        REPORT(b, n->name.at, "Unknown type \"%.*s\".", NAME(n->name));
    else if (member->kind != GQL_KIND_OBJECT)
        REPORT(b, n->name.at,
               "Union type %.*s can only include Object types, it cannot include "
               "%.*s.",
               NAME(type->name), NAME(n->name));
    else if (gql_may_be(type, member))
        REPORT(b, n->name.at, "Union type %.*s can only include type %.*s once.", NAME(type->name),
               NAME(n->name));
    else
        add_possible(b, type, member);
}

static void join_type(struct builder *b, struct gql_type *type)
{
    for (const struct gql_definition *d = type->parts; d; d = d->part)
        for (const struct gql_names *n = d->names; n && !(b->errors->code == ECOM_E_NOMEM);
             n = n->next) {
            if (type->kind == GQL_KIND_UNION)
                add_union_member(b, type, n);
            else
                add_interface(b, type, n);
        }
}

static void make_room(struct builder *b, struct gql_type *type)
{
    uint32_t n = 0;

    for (const struct gql_definition *d = type->parts; d; d = d->part)
        for (const struct gql_names *i = d->names; i; i = i->next)
            n++;
    type->interfaces = node(b, n, sizeof(*type->interfaces));
    if (type->kind == GQL_KIND_INTERFACE || type->kind == GQL_KIND_UNION)
        type->is_possible = node(b, b->schema->ntypes / 8 + 1, 1);
}

static void set_root(struct builder *b, const struct gql_member *m)
{
    static const char *const words[] = {"query", "mutation", "subscription"};
    const struct gql_type **root = &b->schema->roots[m->operation];

    resolve_ref(b, m->type);
    if (*root)
        REPORT(b, m->name.at, "There can be only one %s type in schema.", words[m->operation]);
    else
        *root = m->type->type;
}

static void build_roots(struct builder *b)
{
    static const char *const names[] = {"Query", "Mutation", "Subscription"};
    const struct gql_definition *schema = NULL;

    for (const struct gql_definition *d = b->documents[1].first; d; d = d->next) {
        if (d->kind != GQL_SCHEMA)
            continue;
        if (!d->extension && schema)
            REPORT(b, d->at, "Must provide only one schema definition.");
        if (!d->extension) {
            schema = d;
            b->schema->description = text_of(d->description);
        }
        append_directives(&b->schema->applied, d->directives);
        for (const struct gql_member *m = d->members; m; m = m->next)
            set_root(b, m);
    }
    for (int i = 0; i < 3 && !schema; i++)
        if (!b->schema->roots[i])
            b->schema->roots[i] = ecom__gql_type_called(b->schema, ecom_str_of(names[i]));
}

/* ---- the fields that no schema writes down */

static struct gql_ref *make_ref(struct builder *b, const char *name, int non_null)
{
    struct gql_ref *ref = node(b, 1, sizeof(*ref)), *wrap = node(b, 1, sizeof(*wrap));

    if (!ref || !wrap)
        return NULL;
    ref->name = ecom__gql_name(b->schema->seed, name);
    ref->type = wrap->type = ecom__gql_type(b->schema, ref->name);
    wrap->kind = GQL_NON_NULL;
    wrap->of = ref;
    return non_null ? wrap : ref;
}

static void build_meta(struct builder *b)
{
    struct gql_schema *s = b->schema;
    struct gql_input *name = node(b, 1, sizeof(*name));

    s->string = ecom__gql_type_called(s, ecom_str_of("String"));
    s->boolean = ecom__gql_type_called(s, ecom_str_of("Boolean"));
    s->word_if = ecom__gql_name(s->seed, "if");
    s->typename_field = (struct gql_field){.name = ecom__gql_name(s->seed, "__typename"),
                                           .type = make_ref(b, "String", 1),
                                           .typename_ = 1};
    s->schema_field = (struct gql_field){.name = ecom__gql_name(s->seed, "__schema"),
                                         .type = make_ref(b, "__Schema", 1),
                                         .introspection = 1,
                                         .resolve = ecom__gql_introspect_schema,
                                         .user = s};
    s->type_field = (struct gql_field){.name = ecom__gql_name(s->seed, "__type"),
                                       .type = make_ref(b, "__Type", 0),
                                       .introspection = 1,
                                       .resolve = ecom__gql_introspect_type,
                                       .user = s};
    if (!name)
        return;
    *name = (struct gql_input){.name = ecom__gql_name(s->seed, "name"),
                               .type = make_ref(b, "String", 1)};
    s->type_field.arguments = (struct gql_inputs){name, 1};
    s->typename_field.parent = s->schema_field.parent = s->type_field.parent = s->roots[0];
}

static int parse_both(struct builder *b, const ecom_graphql_options *options)
{
    const struct gql_bounds bounds = {MAX_SDL_BYTES, MAX_SDL_TOKENS, MAX_SDL_NESTING,
                                      b->schema->seed};
    ecom_str language = ecom_str_of(ecom__gql_language(options->incremental));
    int r = ecom__gql_parse(language, &bounds, b->schema->arena, &b->documents[0], b->errors);

    b->schema->incremental = options->incremental != 0;
    return r < 0 ? r
                 : ecom__gql_parse(options->sdl, &bounds, b->schema->arena, &b->documents[1],
                                   b->errors);
}

/* A directive that is written out again is the one that came first. */
static void build_directives(struct builder *b, int own)
{
    for (const struct gql_definition *d = b->documents[own].first; d; d = d->next) {
        struct gql_directive_type *type = b->schema->directives;
        if (d->kind != GQL_DIRECTIVE)
            continue;
        while (type && type->locations != d->names)
            type = type->next;
        if (type)
            build_inputs(b, &type->arguments, d->members, gql_str(d->name));
    }
}

static void build(struct builder *b)
{
    struct gql_schema *schema = b->schema;

    for (int own = 0; own < 2; own++) {
        add_names(b, own);
        gather_parts(b, own);
    }
    check_extensions(b);
    for (int own = 0; own < 2; own++)
        build_directives(b, own);
    for (struct gql_type *t = schema->types; t; t = t->next)
        make_room(b, t);
    for (struct gql_type *t = schema->types; t && b->errors->code != ECOM_E_NOMEM; t = t->next)
        build_members(b, t);
    for (struct gql_type *t = schema->types; t && b->errors->code != ECOM_E_NOMEM; t = t->next)
        join_type(b, t);
    build_roots(b);
    build_meta(b);
}

int ecom__gql_schema_build(struct gql_schema *schema, const ecom_graphql_options *options,
                           struct gql_errors *errors)
{
    struct builder b = {.schema = schema, .errors = errors};
    int r = parse_both(&b, options);

    if (r < 0 || (r = make_slots(&b)) < 0)
        return r;
    build(&b);
    ecom__gql_attach_scalars(schema, options, errors);
    if (!errors->code)
        ecom__gql_schema_check(schema, errors);
    if (!errors->code)
        ecom__gql_coerce_defaults(schema, errors);
    if (!errors->code)
        ecom__gql_attach_resolvers(schema, options, errors);
    return errors->code;
}
