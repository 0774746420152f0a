/* The default values in a schema, once for all requests. */
#include "graphql/coerce.h"

enum { NEW, BUSY, DONE };

struct defaults {
    struct gql_schema *schema;
    struct gql_errors *errors;
    uint32_t depth;
};

static void default_of(struct defaults *d, struct gql_input *input);

/* The defaults that a default leans on: fields that an object in it leaves out. */
static void defaults_below(struct defaults *d, const struct gql_ref *type,
                           const struct gql_value *value)
{
    while (type->kind != GQL_NAMED)
        type = type->of;
    if (value->kind == GQL_LIST)
        for (const struct gql_value *v = value->first; v; v = v->next)
            defaults_below(d, type, v);
    if (value->kind != GQL_OBJECT || type->type->kind != GQL_KIND_INPUT)
        return;
    for (uint32_t i = 0; i < type->type->inputs.n; i++) {
        struct gql_input *input = &type->type->inputs.items[i];
        const struct gql_value *v = ecom__gql_member(value, input->name);
        if (v)
            defaults_below(d, input->type, v);
        else if (input->fallback)
            default_of(d, input);
    }
}

/* While one is being worked out its value is this, so that a circle shows. */
static const ecom_json busy = {.kind = ECOM_JSON_NULL};
enum { MAX_DEFAULTS = 100 }; /* that need each other */

static void default_of(struct defaults *d, struct gql_input *input)
{
    const ecom_json *value = NULL;

    if (!input->fallback || (input->value && input->value != &busy))
        return;
    if (input->value == &busy || d->depth == MAX_DEFAULTS) {
        ecom__gql_report(d->errors, &input->name.at, 1,
                         input->value
                             ? "Invalid circular reference: the default value of \"%.*s\" "
                               "needs itself."
                             : "The default value of \"%.*s\" is needed by %d others, each by "
                               "the next.",
                         GQL_P(gql_str(input->name)), MAX_DEFAULTS);
        return;
    }
    input->value = &busy;
    d->depth++;
    defaults_below(d, input->type, input->fallback);
    d->depth--;
    int r = ecom__gql_literal(d->schema->arena, input->type, input->fallback, NULL, &value);
    if (r == ECOM_E_NOMEM)
        d->errors->code = r;
    else if (r < 0)
        ecom__gql_report(d->errors, &input->fallback->at, 1,
                         "The default value of \"%.*s\" does not fit its type %s.",
                         GQL_P(gql_str(input->name)),
                         ecom__gql_ref_text(d->schema->arena, input->type));
    input->value = value;
}

static void defaults_of(struct defaults *d, struct gql_inputs *inputs)
{
    for (uint32_t i = 0; i < inputs->n && !d->errors->code; i++)
        default_of(d, &inputs->items[i]);
}

void ecom__gql_coerce_defaults(struct gql_schema *schema, struct gql_errors *errors)
{
    struct defaults d = {schema, errors, 0};

    for (struct gql_type *t = schema->types; t; t = t->next) {
        defaults_of(&d, &t->inputs);
        for (uint32_t i = 0; i < t->nfields; i++)
            defaults_of(&d, &t->fields[i].arguments);
    }
    for (struct gql_directive_type *t = schema->directives; t; t = t->next)
        defaults_of(&d, &t->arguments);
}
