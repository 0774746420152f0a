/* What execution builds level by level, and the writer turns into text. */
#ifndef GRAPHQL_EXECUTE_H
#define GRAPHQL_EXECUTE_H

#include "graphql/coerce.h"
#include "graphql/engine.h"

/* The kind of a value whose object has its place in a batch: n is the index there. */
enum { GQL_PLACED = 100 };

struct gql_defer;
struct gql_defers;
struct gql_later;
struct gql_stream;
struct gql_cohort;
struct gql_frame;
struct gql_found;
struct gql_visit;

/* The selections that together are one response key. */
struct gql_nodes {
    struct gql_nodes *next;
    const struct gql_selection *selection;
    struct gql_defer *defer; /* that it is in; NULL: none */
};

struct gql_group {
    struct gql_name key;
    const struct gql_field *field;
    struct gql_nodes *first, **last;
    ecom_graphql_value *results; /* one for each parent of the batch; NULL for __typename */
    const uint32_t *misfit_at;   /* where an argument is wrong, instead of the selections */
    ecom_graphql_call *begun;    /* to be finished; NULL: resolved */
    struct gql_stream *stream;   /* of a list of which some comes later */
};

/* Objects of one type at one place of the query: their fields are resolved together. */
struct gql_batch {
    struct gql_batch *next;
    const struct gql_type *type;
    const struct gql_nodes *nodes; /* whose selection sets apply; NULL: the operation's */
    const void **parents;
    uint32_t n;
    struct gql_group *groups;
    uint32_t ngroups;
    /* Where results come in parts, see defer.h. */
    const struct gql_defers *set; /* the fragments that it is of; NULL: the first part's */
    struct gql_defer *defers, **last_defer;
    struct gql_later *laters;
    struct gql_cohort *cohort;
};

struct gql_execution {
    const ecom_graphql *graphql;
    const struct gql_document *document;
    const struct gql_definition *operation;
    struct gql_variables variables;
    ecom_arena *arena;
    void *context;
    int64_t deadline_us;
    uint64_t results;
    uint32_t cost;
    int show_cost;
    uint32_t nbegun;            /* groups of this level that are to be finished */
    uint32_t *seen, collection; /* fragments seen in the current collection */
    struct gql_batch *next_level, **next_last;
    int failed; /* ECOM_E_NOMEM */
    /* Where results come in parts, see defer.h. */
    ecom_graphql_rest *rest;   /* NULL: they do not */
    uint32_t ndeferred, group; /* fragments and lists that come later; groups that were looked at */
    struct gql_visit **visits; /* of fragments, by index */
};

/* What the operation may cost at most; its variables are known. */
int ecom__gql_cost(struct gql_execution *x, uint32_t *out);
/* Fills x->cost in. @return ECOM_OK, ECOM_E_TOOLARGE (max_cost), ECOM_E_NOMEM. */
int ecom__gql_check_cost(struct gql_execution *x, struct gql_errors *errors);
/* Groups of a batch: its selection sets, fragments spread, skipped ones left out. */
int ecom__gql_collect(struct gql_execution *x, struct gql_batch *batch);
/* The argument `if` of a directive. */
int ecom__gql_flag(const struct gql_execution *x, const struct gql_directive *d, int otherwise);
/* Runs x->next_level; what comes out of it is the next. */
void ecom__gql_run_level(struct gql_execution *x);
/* Runs some groups of the operation's own batch, and all levels below them. */
void ecom__gql_run_groups(struct gql_execution *x, struct gql_batch *root, uint32_t first,
                          uint32_t n);
/* The objects among the items of a cohort's lists are batches of the next level. */
void ecom__gql_gather_items(struct gql_execution *x, struct gql_cohort *cohort);

/* The operation that a request means; NULL: none, or none of several was named. */
const struct gql_definition *ecom__gql_find_operation(const struct gql_document *document,
                                                      ecom_str name);
/* Appends `{"errors":[...]}`, all with this code. */
int ecom__gql_refuse(const struct gql_errors *errors, const char *code, ecom_buf *out);

struct gql_writer {
    struct gql_execution *x;
    ecom_buf *out;
    ecom_buf *errors; /* what stands between the brackets */
    uint32_t nerrors;
    const struct gql_frame *frame; /* the deliveries around */
    struct gql_found *found;       /* what comes later, the last first */
};

/* A step of the path to a value. */
struct gql_step {
    const struct gql_step *up;
    ecom_str key; /* p NULL: an index */
    uint32_t index;
};

enum { GQL_NULLED = 1 };

/* Appends `"key":value`, behind a comma if others of the batch stand before it. @return ECOM_OK;
 * GQL_NULLED: the object around cannot be; ECOM_E_NOMEM. */
int ecom__gql_write_group(struct gql_writer *w, const struct gql_batch *batch,
                          const struct gql_group *group, uint32_t index, const struct gql_step *up);
/* An item of a list of @p group. As above otherwise. */
int ecom__gql_write_item(struct gql_writer *w, const struct gql_group *group,
                         const ecom_graphql_value *v, uint32_t index, const struct gql_step *up);
/* `["key",0]`: the steps of a path but the first @p skip. */
int ecom__gql_write_steps(ecom_buf *out, const struct gql_step *last, uint32_t skip);

#endif
