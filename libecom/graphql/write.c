/* The response, written depth first from what execution left: what fails is cut off again up to the
 * next value that may be null, so the text is right without a second pass. */
#include "graphql/defer.h"
#include "graphql/out.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int put(ecom_buf *out, const char *s)
{
    return gql_put_n(out, s, strlen(s));
}

/* ---- leaves */

static int bad_leaf(ecom_error *err, const char *what, const ecom_graphql_value *v)
{
    char shown[80];

    if (v->kind == ECOM_GRAPHQL_STRING || v->kind == ECOM_GRAPHQL_NUMBER)
        snprintf(shown, sizeof(shown), v->kind == ECOM_GRAPHQL_STRING ? "\"%.*s\"" : "%.*s",
                 (int)(v->n < 60 ? v->n : 60), v->as.s);
    else if (v->kind == ECOM_GRAPHQL_FLOAT)
        snprintf(shown, sizeof(shown), "%.17g", v->as.f);
    else if (v->kind == ECOM_GRAPHQL_BOOL)
        snprintf(shown, sizeof(shown), "%s", v->as.i ? "true" : "false");
    else if (v->kind == ECOM_GRAPHQL_INT)
        snprintf(shown, sizeof(shown), "%lld", (long long)v->as.i);
    else
        snprintf(shown, sizeof(shown), "%s",
                 v->kind == ECOM_GRAPHQL_LIST ? "[a list]" : "{ an object }");
    return ecom_fail(err, ECOM_E_BACKEND, "%s: %s", what, shown);
}

static int write_int(ecom_buf *out, int64_t i)
{
    char digits[24], *p = digits + sizeof(digits);
    uint64_t n = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;

    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    if (i < 0)
        *--p = '-';
    return gql_put_n(out, p, (size_t)(digits + sizeof(digits) - p));
}

/* The shortest text that reads back as the same number. */
static int write_float(ecom_buf *out, double f)
{
    char text[40];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, f);
        if (strtod(text, NULL) == f)
            break;
    }
    return put(out, text);
}

/* Numbers that come as text read as what they are. */
static int as_integer(const ecom_graphql_value *v, int64_t *out)
{
    ecom_json number = {.kind = ECOM_JSON_NUMBER};

    if (v->kind == ECOM_GRAPHQL_INT || v->kind == ECOM_GRAPHQL_BOOL)
        *out = v->as.i;
    else if (v->kind == ECOM_GRAPHQL_FLOAT && v->as.f == floor(v->as.f) && fabs(v->as.f) < 9e15)
        *out = (int64_t)v->as.f;
    else if (v->kind == ECOM_GRAPHQL_NUMBER) {
        number.text = (ecom_str){v->as.s, v->n};
        return ecom_json_int(&number, out, NULL) == ECOM_OK;
    } else
        return 0;
    return 1;
}

static int leaf_int(ecom_buf *out, const ecom_graphql_value *v, ecom_error *err)
{
    int64_t i;

    if (!as_integer(v, &i))
        return bad_leaf(err, "Int cannot represent non-integer value", v);
    if (i < INT32_MIN || i > INT32_MAX)
        return bad_leaf(err, "Int cannot represent non 32-bit signed integer value", v);
    return write_int(out, i);
}

static int leaf_float(ecom_buf *out, const ecom_graphql_value *v, ecom_error *err)
{
    if (v->kind == ECOM_GRAPHQL_INT || v->kind == ECOM_GRAPHQL_BOOL)
        return write_int(out, v->as.i);
    if (v->kind == ECOM_GRAPHQL_NUMBER)
        return gql_put_n(out, v->as.s, v->n);
    if (v->kind != ECOM_GRAPHQL_FLOAT || !isfinite(v->as.f))
        return bad_leaf(err, "Float cannot represent non numeric value", v);
    return write_float(out, v->as.f);
}

static int leaf_boolean(ecom_buf *out, const ecom_graphql_value *v, ecom_error *err)
{
    if (v->kind == ECOM_GRAPHQL_BOOL || v->kind == ECOM_GRAPHQL_INT)
        return put(out, v->as.i ? "true" : "false");
    return bad_leaf(err, "Boolean cannot represent a non boolean value", v);
}

static int quoted_number(ecom_buf *out, const ecom_graphql_value *v)
{
    int r = GQL_PUT(out, "\"");

    if (r == ECOM_OK)
        r = v->kind == ECOM_GRAPHQL_INT     ? write_int(out, v->as.i)
            : v->kind == ECOM_GRAPHQL_FLOAT ? write_float(out, v->as.f)
                                            : gql_put_n(out, v->as.s, v->n);
    return r < 0 ? r : GQL_PUT(out, "\"");
}

static int leaf_string(ecom_buf *out, const ecom_graphql_value *v, ecom_error *err)
{
    if (v->kind == ECOM_GRAPHQL_STRING)
        return gql_put_text(out, v->as.s, v->n);
    if (v->kind == ECOM_GRAPHQL_BOOL)
        return put(out, v->as.i ? "\"true\"" : "\"false\"");
    if (v->kind == ECOM_GRAPHQL_INT || v->kind == ECOM_GRAPHQL_NUMBER ||
        (v->kind == ECOM_GRAPHQL_FLOAT && isfinite(v->as.f)))
        return quoted_number(out, v);
    return bad_leaf(err, "String cannot represent value", v);
}

static int leaf_id(ecom_buf *out, const ecom_graphql_value *v, ecom_error *err)
{
    int64_t i;

    if (v->kind == ECOM_GRAPHQL_STRING)
        return gql_put_text(out, v->as.s, v->n);
    if (v->kind == ECOM_GRAPHQL_BOOL || !as_integer(v, &i))
        return bad_leaf(err, "ID cannot represent value", v);
    return ecom_buf_printf(out, "\"%lld\"", (long long)i);
}

static int leaf_enum(ecom_buf *out, const struct gql_type *type, const ecom_graphql_value *v,
                     ecom_error *err)
{
    ecom_str s = {v->as.s, v->n};
    char what[120];

    if (v->kind == ECOM_GRAPHQL_STRING && ecom__gql_enum_value(type, s))
        return gql_put_text(out, s.p, s.n);
    snprintf(what, sizeof(what), "Enum \"%.*s\" cannot represent value",
             (int)(type->name.n < 80 ? type->name.n : 80), type->name.p);
    return bad_leaf(err, what, v);
}

/* A custom scalar without rules of its own. */
static int leaf_any(ecom_buf *out, const ecom_graphql_value *v, ecom_error *err)
{
    int r;

    switch (v->kind) {
    case ECOM_GRAPHQL_BOOL:
        return leaf_boolean(out, v, err);
    case ECOM_GRAPHQL_INT:
    case ECOM_GRAPHQL_FLOAT:
    case ECOM_GRAPHQL_NUMBER:
        return leaf_float(out, v, err);
    case ECOM_GRAPHQL_STRING:
        return leaf_string(out, v, err);
    case ECOM_GRAPHQL_JSON:
        return ecom_json_write(out, v->as.json);
    case ECOM_GRAPHQL_NULL:
        return GQL_PUT(out, "null");
    case ECOM_GRAPHQL_LIST:
        r = GQL_PUT(out, "[");
        for (uint32_t i = 0; i < v->n && r == ECOM_OK; i++)
            if (!i || (r = GQL_PUT(out, ",")) == ECOM_OK)
                r = leaf_any(out, &v->as.items[i], err);
        return r < 0 ? r : GQL_PUT(out, "]");
    default:
        return bad_leaf(err, "Scalar cannot represent value", v);
    }
}

static int write_leaf(ecom_buf *out, const struct gql_type *type, const ecom_graphql_value *v,
                      ecom_error *err)
{
    if (type->kind == GQL_KIND_ENUM)
        return leaf_enum(out, type, v, err);
    switch (type->builtin) {
    case GQL_B_INT:
        return leaf_int(out, v, err);
    case GQL_B_FLOAT:
        return leaf_float(out, v, err);
    case GQL_B_STRING:
        return leaf_string(out, v, err);
    case GQL_B_BOOLEAN:
        return leaf_boolean(out, v, err);
    case GQL_B_ID:
        return leaf_id(out, v, err);
    default:
        return type->scalar && type->scalar->write
                   ? type->scalar->write(type->scalar->user, v, out, err)
                   : leaf_any(out, v, err);
    }
}

/* ---- errors */

int ecom__gql_write_steps(ecom_buf *out, const struct gql_step *step, uint32_t skip)
{
    const struct gql_step *steps[512];
    int n = 0, r = GQL_PUT(out, "[");

    for (; step && n < 512; step = step->up)
        steps[n++] = step;
    n -= (int)skip;
    for (int i = n; i-- > 0 && r == ECOM_OK;) {
        if (i < n - 1)
            r = GQL_PUT(out, ",");
        if (r == ECOM_OK)
            r = steps[i]->key.p ? ecom_json_write_str(out, steps[i]->key)
                                : write_int(out, steps[i]->index);
    }
    return r < 0 ? r : GQL_PUT(out, "]");
}

static int write_places(struct gql_writer *w, const struct gql_group *group)
{
    uint32_t at[16], n = 0;

    if (group->misfit_at)
        return ecom__gql_places_write(w->x->document->source, group->misfit_at, 1, w->errors);
    for (const struct gql_nodes *node = group->first; node && n < 16; node = node->next)
        at[n++] = node->selection->at;
    return ecom__gql_places_write(w->x->document->source, at, n, w->errors);
}

/* What a resolver says goes through the owner's hands, or loses what only we should know. */
static void mask(struct gql_writer *w, const struct gql_group *group, ecom_error *err)
{
    const ecom_graphql_options *o = &w->x->graphql->options;

    if (o->on_error)
        o->on_error(o->user, w->x->context, group->field->parent->name.p, group->field->name.p,
                    err);
    else if (err->code == ECOM_E_BACKEND || err->code == ECOM_E_CORRUPT ||
             err->code == ECOM_E_NOMEM)
        ecom_fail(err, err->code, "Internal error");
}

static int write_error(struct gql_writer *w, const struct gql_group *group, const ecom_error *err,
                       const struct gql_step *path)
{
    int r = w->nerrors++ ? GQL_PUT(w->errors, ",") : ECOM_OK;

    if (r < 0 || (r = GQL_PUT(w->errors, "{\"message\":")) < 0 ||
        (r = ecom_json_write_str(w->errors, ecom_str_of(err->text))) < 0 ||
        (r = GQL_PUT(w->errors, ",")) < 0 || (r = write_places(w, group)) < 0 ||
        (r = GQL_PUT(w->errors, ",\"path\":")) < 0 ||
        (r = ecom__gql_write_steps(w->errors, path, 0)) < 0)
        return r;
    r = ecom_buf_printf(w->errors, ",\"extensions\":{\"code\":\"%s\"",
                        ecom_code_of(err->code)->graphql);
    if (r == ECOM_OK && err->field[0] && (r = GQL_PUT(w->errors, ",\"field\":")) == ECOM_OK)
        r = ecom_json_write_str(w->errors, ecom_str_of(err->field));
    return r < 0 ? r : GQL_PUT(w->errors, "}}");
}

static int failed(struct gql_writer *w, const struct gql_group *group, const ecom_error *err,
                  const struct gql_step *path)
{
    ecom_error shown = *err;
    int r;

    mask(w, group, &shown);
    r = write_error(w, group, &shown, path);
    return r < 0 ? r : GQL_NULLED;
}

/* ---- values */

static int write_value(struct gql_writer *w, const struct gql_group *group,
                       const ecom_graphql_value *v, const struct gql_ref *type,
                       const struct gql_step *path);

static int write_object(struct gql_writer *w, const ecom_graphql_value *v,
                        const struct gql_step *path)
{
    const struct gql_batch *batch = v->as.object;
    const struct gql_frame *around = w->frame;
    int r = w->x->rest ? ecom__gql_enter(w, batch, v->n, path) : ECOM_OK;

    if (r == ECOM_OK)
        r = GQL_PUT(w->out, "{");
    for (uint32_t i = 0; i < batch->ngroups && r == ECOM_OK; i++)
        r = ecom__gql_write_group(w, batch, &batch->groups[i], v->n, path);
    w->frame = around;
    return r != ECOM_OK ? r : GQL_PUT(w->out, "}");
}

/* A leaf from JSON within a list from JSON. */
static ecom_graphql_value from_json(const ecom_json *json)
{
    ecom_graphql_value v = {0};

    ecom_graphql_call call = {.composite = 0};
    if (ecom_graphql_set_json(&call, &v, json) < 0)
        v.kind = ECOM_GRAPHQL_NULL;
    return v;
}

static int write_list(struct gql_writer *w, const struct gql_group *group,
                      const ecom_graphql_value *v, const struct gql_ref *of,
                      const struct gql_step *path)
{
    int json = v->kind == ECOM_GRAPHQL_JSON, r = ECOM_OK;
    const ecom_json *item = json ? v->as.json->first : NULL;
    struct gql_step here = {path, {NULL, 0}, 0};
    uint32_t n = json ? v->as.json->count : v->n;

    if (group->stream)
        r = ecom__gql_cut_list(w, group, v, of, path, &n);
    if (r == ECOM_OK)
        r = GQL_PUT(w->out, "[");
    for (; here.index < n && r == ECOM_OK; here.index++, item = item ? item->next : NULL) {
        ecom_graphql_value one = {0};
        if (json)
            one = from_json(item);
        if (here.index)
            r = GQL_PUT(w->out, ",");
        if (r == ECOM_OK)
            r = write_value(w, group, json ? &one : &v->as.items[here.index], of, &here);
    }
    return r != ECOM_OK ? r : GQL_PUT(w->out, "]");
}

/* A list that two fields share was placed for the first: its objects have not this one's fields. */
static int is_placed(const ecom_graphql_value *v, const struct gql_group *group)
{
    return v->kind == GQL_PLACED && ((const struct gql_batch *)v->as.object)->nodes == group->first;
}

static int is_list(const ecom_graphql_value *v)
{
    return v->kind == ECOM_GRAPHQL_LIST ||
           (v->kind == ECOM_GRAPHQL_JSON && v->as.json->kind == ECOM_JSON_ARRAY);
}

/* A resolver gave what its field cannot be: our text, so nothing to hide in it. */
static int misfit(struct gql_writer *w, const struct gql_group *group, ecom_error *err,
                  const struct gql_step *path)
{
    const ecom_graphql_options *o = &w->x->graphql->options;

    err->code = ECOM_E_BACKEND;
    if (o->on_error)
        mask(w, group, err);
    int r = write_error(w, group, err, path);
    return r < 0 ? r : GQL_NULLED;
}

static int not_this(struct gql_writer *w, const struct gql_group *group, const char *what,
                    const struct gql_step *path)
{
    ecom_error err;

    ecom_fail(&err, ECOM_E_BACKEND, "%s field %s.%s.", what, group->field->parent->name.p,
              group->field->name.p);
    return misfit(w, group, &err, path);
}

/* @return GQL_NULLED: the value is null for a reason that was said. */
static int write_present(struct gql_writer *w, const struct gql_group *group,
                         const ecom_graphql_value *v, const struct gql_ref *type,
                         const struct gql_step *path)
{
    ecom_error err;

    if (v->kind == ECOM_GRAPHQL_STRING && type->kind == GQL_NAMED &&
        (type->type->builtin == GQL_B_STRING || type->type->builtin == GQL_B_ID))
        return gql_put_text(w->out, v->as.s, v->n);
    if (v->kind == ECOM_GRAPHQL_ERROR)
        return failed(w, group, v->as.error, path);
    if (type->kind == GQL_LIST_OF)
        return is_list(v) ? write_list(w, group, v, type->of, path)
                          : not_this(w, group, "Expected Iterable, but did not find one for", path);
    if (gql_is_composite(type->type))
        return is_placed(v, group) ? write_object(w, v, path)
                                   : not_this(w, group, "Expected an object for", path);
    int r = write_leaf(w->out, type->type, v, &err);
    return r == ECOM_OK || r == ECOM_E_NOMEM ? r : misfit(w, group, &err, path);
}

static int write_value(struct gql_writer *w, const struct gql_group *group,
                       const ecom_graphql_value *v, const struct gql_ref *type,
                       const struct gql_step *path)
{
    int non_null = type->kind == GQL_NON_NULL, r;
    size_t start = w->out->n;

    if (v->kind == ECOM_GRAPHQL_NULL && !non_null)
        return GQL_PUT(w->out, "null");
    if (v->kind == ECOM_GRAPHQL_NULL)
        return not_this(w, group, "Cannot return null for non-nullable", path);
    r = write_present(w, group, v, non_null ? type->of : type, path);
    if (r != GQL_NULLED || non_null)
        return r;
    w->out->n = start;
    if (w->found)
        ecom__gql_forget(w, start);
    return GQL_PUT(w->out, "null");
}

int ecom__gql_write_item(struct gql_writer *w, const struct gql_group *group,
                         const ecom_graphql_value *v, uint32_t index, const struct gql_step *up)
{
    const struct gql_step here = {up, {NULL, 0}, index};
    const struct gql_ref *list = group->field->type;

    return write_value(w, group, v, list->kind == GQL_NON_NULL ? list->of->of : list->of, &here);
}

/* `"key":`, behind a comma unless it is the first of its object. */
static int write_key(ecom_buf *out, struct gql_name key, int first)
{
    char *p = gql_room(out, key.n + 4);

    if (!p)
        return ECOM_E_NOMEM;
    *p = ',';
    p += !first;
    *p++ = '"';
    memcpy(p, key.p, key.n);
    memcpy(p + key.n, "\":", 3);
    out->n += key.n + 4 - (size_t)first;
    return ECOM_OK;
}

int ecom__gql_write_group(struct gql_writer *w, const struct gql_batch *batch,
                          const struct gql_group *group, uint32_t index, const struct gql_step *up)
{
    const struct gql_step here = {up, gql_str(group->key), 0};
    int r = write_key(w->out, group->key, group == batch->groups);

    if (r < 0)
        return r;
    if (group->field->typename_)
        return gql_put_text(w->out, batch->type->name.p, batch->type->name.n);
    return write_value(w, group, &group->results[index], group->field->type, &here);
}
