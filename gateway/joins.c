#include "joins.h"

#include <ecom/shop.h>

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    return ecom_str_cmp(((const struct want *)a)->id, ((const struct want *)b)->id);
}

/* The first of the wants with this id, or their end. */
static struct want *find(struct want *wants, struct want *end, ecom_str id)
{
    while (wants < end) {
        struct want *middle = wants + (end - wants) / 2;
        if (ecom_str_cmp(middle->id, id) < 0)
            wants = middle + 1;
        else
            end = middle;
    }
    return wants;
}

/* The object with its type's name before its own members. */
static const ecom_json *typed(ecom_arena *arena, const ecom_json *object, const char *type)
{
    ecom_json *name = ecom_arena_alloc(arena, sizeof(*name));
    ecom_json *copy = ecom_arena_alloc(arena, sizeof(*copy));

    if (!name || !copy)
        return NULL;
    *name = (ecom_json){.kind = ECOM_JSON_STRING,
                        .name = ecom_str_of("__typename"),
                        .text = ecom_str_of(type),
                        .next = object->first};
    *copy = *object;
    copy->next = NULL;
    copy->first = name;
    copy->count++;
    return copy;
}

static int place(ecom_graphql_call *call, const struct source *source, const ecom_json *items,
                 struct want *wants, struct want *end, ecom_error *err)
{
    for (const ecom_json *item = items ? items->first : NULL; item; item = item->next) {
        const ecom_json *id = ecom_json_get(item, source->key ? source->key : "id");
        const ecom_json *object = source->type ? typed(call->arena, item, source->type) : item;
        if (!object)
            return ecom_fail(err, ECOM_E_NOMEM, "%s", call->field);
        if (!id || id->kind != ECOM_JSON_STRING)
            continue;
        for (struct want *w = find(wants, end, id->text); w < end && ecom_str_eq(w->id, id->text);
             w++)
            if (w->value) {
                ecom_graphql_set_object(w->value, object);
                w->value = NULL;
            }
    }
    return ECOM_OK;
}

/* Those that still wait. */
static void forbid(ecom_graphql_call *call, const struct want *w, const struct want *end)
{
    ecom_error err;

    ecom_fail(&err, ECOM_E_FORBIDDEN, "%s: is not the caller's", call->field);
    for (; w < end; w++)
        if (w->value)
            ecom_graphql_set_error(call, w->value, &err);
}

/* Appends the ids up to as many as a service takes at once; returns behind the last want of them,
 * or NULL: out of memory. */
static struct want *list_ids(struct want *w, struct want *end, ecom_buf *ids)
{
    const struct want *last = NULL;

    for (size_t n = 0; w < end; last = w++) {
        if (last && ecom_str_eq(last->id, w->id))
            continue;
        if (n++ == ECOM_IDS_MAX)
            break;
        if ((ids->n && ecom_buf_append(ids, ecom_str_of(",")) < 0) ||
            ecom_buf_append(ids, w->id) < 0)
            return NULL;
    }
    return w;
}

int joins_add_arguments(const ecom_graphql_call *call, ecom_buf *url)
{
    int r = ECOM_OK;

    for (const ecom_json *arg = call->arguments->first; arg && r == ECOM_OK; arg = arg->next)
        if (arg->kind != ECOM_JSON_NULL)
            r = upstream_add_query(url, arg->name, arg->text);
    return r;
}

static int ask(ecom_graphql_call *call, const struct source *source, ecom_str ids,
               struct pending **out, ecom_error *err)
{
    const ecom_str none = {NULL, 0};
    ecom_buf url = {0};
    int r = ecom_buf_append(&url, ecom_str_of(source->path));

    if (r == ECOM_OK)
        r = upstream_add_query(&url, ecom_str_of(source->ids ? source->ids : "ids"), ids);
    if (r == ECOM_OK && source->add_arguments)
        r = joins_add_arguments(call, &url);
    r = r < 0 ? ecom_fail(err, r, "%s", call->field)
              : upstream_begin(call->context, "GET", source->base, ecom_buf_str(&url), none, none,
                               out, err);
    ecom_buf_free(&url);
    return r;
}

static int finish(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    for (const struct asked *a = call->state; a; a = a->next) {
        const ecom_json *answer;
        int r = upstream_result(call->context, a->pending, &answer, err);
        if (r == ECOM_OK)
            r = place(call, &a->source, ecom_json_get(answer, "items"), a->wants, a->end, err);
        else if (r != ECOM_E_NOMEM)
            for (struct want *w = a->wants; w < a->end; w++)
                ecom_graphql_set_error(call, w->value, err);
        if (r == ECOM_E_NOMEM)
            return r;
        if (r == ECOM_OK && a->source.only_visible)
            forbid(call, a->wants, a->end);
    }
    return ECOM_OK;
}

int joins_fetch(ecom_graphql_call *call, const struct source *source, struct want *wants, size_t n,
                ecom_error *err)
{
    struct want *end = wants + n, *next;
    int r = ECOM_OK;

    call->finish = finish;
    qsort(wants, n, sizeof(*wants), compare);
    for (; wants < end && r == ECOM_OK; wants = next) {
        ecom_buf ids = {0};
        struct asked *asked = ecom_arena_alloc(call->arena, sizeof(*asked));
        next = asked ? list_ids(wants, end, &ids) : NULL;
        if (next) {
            *asked = (struct asked){call->state, wants, next, *source, NULL};
            call->state = asked;
            r = ask(call, source, ecom_buf_str(&ids), &asked->pending, err);
        } else {
            r = ecom_fail(err, ECOM_E_NOMEM, "%s", call->field);
        }
        ecom_buf_free(&ids);
    }
    return r;
}

size_t joins_wants(ecom_graphql_call *call, const char *key, struct want **out)
{
    size_t n = 0;

    *out = ecom_arena_alloc(call->arena, call->n * sizeof(**out));
    for (uint32_t i = 0; *out && i < call->n; i++) {
        const ecom_json *id = ecom_json_get(call->parents[i], key);
        if (id && id->kind == ECOM_JSON_STRING && id->text.n)
            (*out)[n++] = (struct want){id->text, &call->results[i], call->parents[i]};
    }
    return n;
}

int joins_by_member(ecom_graphql_call *call, const struct source *source, const char *key,
                    ecom_error *err)
{
    struct want *wants;
    size_t n = joins_wants(call, key, &wants);

    if (!wants)
        return ecom_fail(err, ECOM_E_NOMEM, "%s", call->field);
    return joins_fetch(call, source, wants, n, err);
}
