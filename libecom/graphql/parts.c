/* Parts as the proposal of incremental delivery has them, or as it had them on 2022-08-24, when
 * each entry named its path itself. */
#include "graphql/defer.h"
#include "graphql/out.h"

static const ecom_str none = {NULL, 0};

static uint32_t steps(const struct gql_step *path)
{
    uint32_t n = 0;

    for (; path; path = path->up)
        n++;
    return n;
}

static int begin(ecom_buf *out)
{
    return out->n ? GQL_PUT(out, ",{") : GQL_PUT(out, "{");
}

static int put_label(ecom_buf *out, ecom_str label)
{
    int r = label.p ? GQL_PUT(out, ",\"label\":") : ECOM_OK;

    return r < 0 || !label.p ? r : ecom_json_write_str(out, label);
}

static int put_errors(ecom_buf *out, ecom_str errors)
{
    if (!errors.n)
        return ECOM_OK;
    return ecom_buf_printf(out, ",\"errors\":[") < 0 || ecom_buf_append(out, errors) < 0
               ? ECOM_E_NOMEM
               : GQL_PUT(out, "]");
}

static int is_old(const ecom_graphql_rest *rest)
{
    return rest->dialect == ECOM_GRAPHQL_PARTS_2022;
}

int ecom__gql_tell_pending(ecom_graphql_rest *rest, uint32_t id, const struct gql_step *path,
                           ecom_str label)
{
    ecom_buf *out = &rest->pending;

    if (is_old(rest))
        return ECOM_OK;
    if (begin(out) < 0 || ecom_buf_printf(out, "\"id\":\"%u\",\"path\":", id) < 0 ||
        ecom__gql_write_steps(out, path, 0) < 0 || put_label(out, label) < 0)
        return ECOM_E_NOMEM;
    return GQL_PUT(out, "}");
}

/* Of the open deliveries of a task the one that lies nearest to it. */
static const struct gql_delivery *nearest(const struct gql_delivery *delivery,
                                          const struct gql_task *task)
{
    uint32_t most = steps(delivery->path);

    for (uint32_t i = 0; i < task->later->set->n; i++) {
        const struct gql_delivery *other = task->deliveries[i];
        if (other->state != GQL_OPEN || steps(other->path) <= most)
            continue;
        most = steps(other->path);
        delivery = other;
    }
    return delivery;
}

/* `{"path":[...],"label":...` of the former dialect. */
static int begin_old(ecom_buf *out, const struct gql_step *path, ecom_str label)
{
    int r = begin(out);

    if (r == ECOM_OK && (r = GQL_PUT(out, "\"path\":")) == ECOM_OK)
        r = ecom__gql_write_steps(out, path, 0);
    return r < 0 ? r : put_label(out, label);
}

int ecom__gql_tell_data(ecom_graphql_rest *rest, const struct gql_delivery *delivery,
                        const struct gql_task *task)
{
    ecom_buf *out = &rest->incremental;
    int r;

    if (is_old(rest)) {
        r = begin_old(out, task->path, delivery->defer->label);
    } else {
        delivery = nearest(delivery, task);
        uint32_t above = steps(delivery->path);
        r = begin(out);
        if (r == ECOM_OK)
            r = ecom_buf_printf(out, "\"id\":\"%u\"", delivery->id);
        if (r == ECOM_OK && steps(task->path) > above &&
            (r = GQL_PUT(out, ",\"subPath\":")) == ECOM_OK)
            r = ecom__gql_write_steps(out, task->path, above);
    }
    if (r < 0 || (r = GQL_PUT(out, ",\"data\":")) < 0 ||
        (r = ecom_buf_append(out, task->data)) < 0 || (r = put_errors(out, task->errors)) < 0)
        return r;
    return GQL_PUT(out, "}");
}

/* The path of an item of the former dialect: from where on the items stand. */
static int begin_items(ecom_buf *out, const struct gql_flow *flow)
{
    const struct gql_step at = {flow->path, none, flow->told};

    return begin_old(out, &at, flow->stream->label);
}

int ecom__gql_tell_items(ecom_graphql_rest *rest, const struct gql_flow *flow, ecom_str items,
                         ecom_str errors)
{
    ecom_buf *out = &rest->incremental;
    int r;

    if (is_old(rest))
        r = begin_items(out, flow);
    else if ((r = begin(out)) == ECOM_OK)
        r = ecom_buf_printf(out, "\"id\":\"%u\"", flow->id);
    if (r < 0 || (r = GQL_PUT(out, ",\"items\":[")) < 0 || (r = ecom_buf_append(out, items)) < 0 ||
        (r = GQL_PUT(out, "]")) < 0 || (r = put_errors(out, errors)) < 0)
        return r;
    return GQL_PUT(out, "}");
}

static int tell_end(ecom_graphql_rest *rest, uint32_t id, ecom_str errors)
{
    ecom_buf *out = &rest->completed;

    if (begin(out) < 0 || ecom_buf_printf(out, "\"id\":\"%u\"", id) < 0 ||
        put_errors(out, errors) < 0)
        return ECOM_E_NOMEM;
    return GQL_PUT(out, "}");
}

int ecom__gql_tell_fragment_end(ecom_graphql_rest *rest, const struct gql_delivery *delivery,
                                ecom_str errors)
{
    ecom_buf *out = &rest->incremental;

    if (!is_old(rest))
        return tell_end(rest, delivery->id, errors);
    if (!errors.p)
        return ECOM_OK;
    if (begin_old(out, delivery->path, delivery->defer->label) < 0 ||
        GQL_PUT(out, ",\"data\":null") < 0 || put_errors(out, errors) < 0)
        return ECOM_E_NOMEM;
    return GQL_PUT(out, "}");
}

int ecom__gql_tell_list_end(ecom_graphql_rest *rest, const struct gql_flow *flow, ecom_str errors)
{
    ecom_buf *out = &rest->incremental;

    if (!is_old(rest))
        return tell_end(rest, flow->id, errors);
    if (!errors.p)
        return ECOM_OK;
    if (begin_items(out, flow) < 0 || GQL_PUT(out, ",\"items\":null") < 0 ||
        put_errors(out, errors) < 0)
        return ECOM_E_NOMEM;
    return GQL_PUT(out, "}");
}

/* `,"name":[...]`, and the list is empty again. */
static int put_list(ecom_buf *out, const char *name, ecom_buf *list)
{
    int r = ECOM_OK;

    if (list->n)
        r = ecom_buf_printf(out, ",\"%s\":[", name) < 0 ||
                    ecom_buf_append(out, ecom_buf_str(list)) < 0
                ? ECOM_E_NOMEM
                : GQL_PUT(out, "]");
    list->n = 0;
    return r;
}

int ecom__gql_tell_first(ecom_graphql_rest *rest, ecom_buf *out)
{
    int r = put_list(out, "pending", &rest->pending);

    return r < 0 || rest->nopen == 0 ? r : GQL_PUT(out, ",\"hasNext\":true");
}

int ecom__gql_tell_part(ecom_graphql_rest *rest, ecom_buf *out)
{
    int r = ecom_buf_printf(out, "{\"hasNext\":%s", rest->nopen ? "true" : "false");

    if (r < 0 || (r = put_list(out, "pending", &rest->pending)) < 0 ||
        (r = put_list(out, "incremental", &rest->incremental)) < 0 ||
        (r = put_list(out, "completed", &rest->completed)) < 0)
        return r;
    return GQL_PUT(out, "}");
}

/* The boundary stands behind its part at once, so that who reads need not wait for the next. */
int ecom_graphql_multipart_write(ecom_buf *out, ecom_str part)
{
    size_t start = out->n;

    if (!part.p)
        return ecom_buf_append(out, ecom_str_of("--\r\n"));
    if (ecom_buf_printf(out,
                        "\r\nContent-Type: application/json; charset=utf-8\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        part.n) == ECOM_OK &&
        ecom_buf_append(out, part) == ECOM_OK &&
        ecom_buf_append(out, ecom_str_of("\r\n---")) == ECOM_OK)
        return ECOM_OK;
    out->n = start;
    return ECOM_E_NOMEM;
}
