/* ValuesOfCorrectType and UniqueInputFieldNames: literals against the types of their places. */
#include "graphql/suggest.h"
#include "graphql/validate.h"

static void note_variable(struct gql_walk *w, const struct gql_value *value,
                          const struct gql_ref *type, int has_default,
                          const struct gql_type *one_of)
{
    struct gql_usage *u = ecom_arena_alloc(w->arena, sizeof(*u));

    if (!u) {
        w->errors->code = ECOM_E_NOMEM;
        return;
    }
    *u = (struct gql_usage){
        .value = value, .type = type, .has_default = has_default, .one_of = one_of};
    *w->scope->last_usage = u;
    w->scope->last_usage = &u->next;
}

static void unexpected(struct gql_walk *w, const struct gql_value *value,
                       const struct gql_ref *type)
{
    ecom_buf text = {0};

    w->errors->rule = GQL_R_VALUES_OF_CORRECT_TYPE;
    w->errors->event = GQL_ENTER(value->at);
    if (ecom__gql_print_value(value, &text) == ECOM_OK)
        GQL_REPORT(w, value->at, "Expected value of type \"%s\", found %.*s.",
                   ecom__gql_ref_text(w->arena, type), GQL_P(text));
    else
        w->errors->code = ECOM_E_NOMEM;
    ecom_buf_free(&text);
}

static void check(struct gql_walk *w, const struct gql_value *value, const struct gql_ref *type,
                  int has_default, const struct gql_type *one_of);

static void unique_input_field_names(struct gql_walk *w, const struct gql_value *object)
{
    w->errors->rule = GQL_R_UNIQUE_INPUT_FIELD_NAMES;
    for (const struct gql_value *v = object->first; v; v = v->next) {
        const struct gql_value *other = object->first;
        while (other != v && !gql_same(other->name, v->name))
            other = other->next;
        w->errors->event = GQL_ENTER(v->name.at);
        if (other != v)
            GQL_REPORT2(w, other->name.at, v->name.at,
                        "There can be only one input field named \"%.*s\".", GQL_NAME(v->name));
    }
}

static void required_fields(struct gql_walk *w, const struct gql_value *value,
                            const struct gql_type *type)
{
    for (uint32_t i = 0; i < type->inputs.n; i++) {
        const struct gql_input *in = &type->inputs.items[i];
        if (gql_is_required(in) && !ecom__gql_member(value, in->name))
            GQL_REPORT(
                w, value->at, "Field \"%.*s.%.*s\" of required type \"%s\" was not provided.",
                GQL_NAME(type->name), GQL_NAME(in->name), ecom__gql_ref_text(w->arena, in->type));
    }
}

static void check_one_of(struct gql_walk *w, const struct gql_value *value,
                         const struct gql_type *type)
{
    if (value->count != 1)
        GQL_REPORT(w, value->at, "OneOf Input Object \"%.*s\" must specify exactly one key.",
                   GQL_NAME(type->name));
    else if (value->first->kind == GQL_NULL)
        GQL_REPORT(w, value->at, "Field \"%.*s.%.*s\" must be non-null.", GQL_NAME(type->name),
                   GQL_NAME(value->first->name));
}

static void undefined_field(struct gql_walk *w, const struct gql_type *type,
                            const struct gql_value *v)
{
    ecom_str meant = ecom__gql_suggest_input(w->errors, &type->inputs, gql_str(v->name));

    GQL_REPORT(w, v->name.at, "Field \"%.*s\" is not defined by type \"%.*s\".%.*s",
               GQL_NAME(v->name), GQL_NAME(type->name), GQL_P(meant));
}

static void check_object(struct gql_walk *w, const struct gql_value *value,
                         const struct gql_ref *ref)
{
    const struct gql_type *type = ref->type; /* at the bottom of it */

    if (value->kind != GQL_OBJECT) {
        unexpected(w, value, ref);
        return;
    }
    w->errors->rule = GQL_R_VALUES_OF_CORRECT_TYPE;
    w->errors->event = GQL_ENTER(value->at);
    required_fields(w, value, type);
    if (type->one_of)
        check_one_of(w, value, type);
    for (const struct gql_value *v = value->first; v; v = v->next) {
        const struct gql_input *in = ecom__gql_input(&type->inputs, v->name);
        w->errors->rule = GQL_R_VALUES_OF_CORRECT_TYPE;
        w->errors->event = GQL_ENTER(v->name.at);
        if (!in)
            undefined_field(w, type, v);
        check(w, v, in ? in->type : NULL, in && in->fallback, type->one_of ? type : NULL);
    }
    unique_input_field_names(w, value);
}

/* Of no known type: only its variables count. */
static void check_unknown(struct gql_walk *w, const struct gql_value *value)
{
    for (const struct gql_value *v = value->first; v; v = v->next)
        check(w, v, NULL, 0, NULL);
    if (value->kind == GQL_OBJECT)
        unique_input_field_names(w, value);
}

static void check_leaf(struct gql_walk *w, const struct gql_value *value,
                       const struct gql_type *type)
{
    ecom_str why = {NULL, 0};

    check_unknown(w, value);
    if (type->builtin == GQL_CUSTOM && type->kind == GQL_KIND_SCALAR && !value->constant)
        return; /* known only when its variables are */
    w->errors->rule = GQL_R_VALUES_OF_CORRECT_TYPE;
    w->errors->event = GQL_ENTER(value->at);
    if (ecom__gql_leaf_fits(w->errors, type, value, &why))
        return;
    if (why.p)
        GQL_REPORT(w, value->at, "%.*s", GQL_P(why));
    else
        w->errors->code = ECOM_E_NOMEM;
}

/* Depth is bounded by max_nesting. */
static void check(struct gql_walk *w, const struct gql_value *value, const struct gql_ref *type,
                  int has_default, const struct gql_type *one_of)
{
    const struct gql_ref *inner = type && type->kind == GQL_NON_NULL ? type->of : type;

    if (value->kind == GQL_VARIABLE) {
        note_variable(w, value, type, has_default, one_of);
        return;
    }
    if (!type || !type->type || !gql_is_input(type->type)) {
        check_unknown(w, value);
    } else if (value->kind == GQL_NULL) {
        if (inner != type)
            unexpected(w, value, type);
    } else if (inner->kind == GQL_LIST_OF) {
        int list = value->kind == GQL_LIST;
        for (const struct gql_value *v = list ? value->first : value; v; v = list ? v->next : NULL)
            check(w, v, inner->of, 0, NULL);
    } else if (inner->type->kind == GQL_KIND_INPUT) {
        check_object(w, value, value->kind == GQL_LIST ? inner : type);
    } else {
        check_leaf(w, value, inner->type);
    }
}

void ecom__gql_check_value(struct gql_walk *w, const struct gql_value *value,
                           const struct gql_ref *type, int has_default)
{
    check(w, value, type, has_default, NULL);
}
