/* Results in parts. A fragment with @defer, and what @stream leaves over of a list, become later
 * levels: they are set aside when a level's fields are collected (collect.c, defer.c), noted with
 * their paths when the value around them is written (so what is nulled takes along what it would
 * have had), run level by level, all that are due together (rest.c), and told as the proposal of
 * incremental delivery has it (parts.c). */
#ifndef GRAPHQL_DEFER_H
#define GRAPHQL_DEFER_H

#include "graphql/execute.h"

/* A fragment with @defer, as the fields of one batch have it. */
struct gql_defer {
    struct gql_defer *next;         /* of its batch */
    const struct gql_defer *parent; /* that it is in; NULL: none */
    const struct gql_directive *directive;
    ecom_str label;       /* p NULL: none */
    uint32_t seen, meant; /* the last group whose fields were in it; of whose set it is */
};

/* Fragments that have a field in common: it comes with the first of them that is complete. */
struct gql_defers {
    const struct gql_defer **items;
    uint32_t n;
};

/* Fields of a batch that come later. */
struct gql_later {
    struct gql_later *next;
    const struct gql_defers *set;
    const struct gql_batch *batch;
    struct gql_group *groups;
    uint32_t ngroups;
    struct gql_task *due, **last_due; /* objects whose turn it is */
    struct gql_later *next_due;
};

/* What @stream says of a field of a batch. */
struct gql_stream {
    uint32_t initial;
    ecom_str label;
    struct gql_group group;           /* of the items that come later */
    struct gql_flow *due, **last_due; /* lists whose turn it is */
    struct gql_stream *next_due;
};

enum gql_delivery_state { GQL_HIDDEN, GQL_OPEN, GQL_OVER };

/* A deferred fragment of one object. */
struct gql_delivery {
    struct gql_delivery *next; /* of the same parent */
    const struct gql_defer *defer;
    struct gql_delivery *parent, *first, **last; /* those within it */
    const struct gql_step *path;
    struct gql_share *tasks, **last_task;
    uint32_t id, nleft; /* tasks that have not ended */
    uint8_t state, joined;
};

/* That a task is of a delivery. */
struct gql_share {
    struct gql_share *next;
    struct gql_task *task;
};

/* The deliveries that an object is in. */
struct gql_frame {
    const struct gql_frame *up;
    struct gql_delivery *delivery;
};

enum gql_task_state { GQL_WAITING, GQL_RUNNING, GQL_DONE, GQL_FAILED, GQL_DELIVERED };

/* Later fields of one object. */
struct gql_task {
    struct gql_task *next;
    struct gql_later *later;
    uint32_t index; /* in its batch */
    const struct gql_step *path;
    const struct gql_frame *frame;
    struct gql_delivery **deliveries; /* as many as the set has */
    ecom_str data, errors;            /* as text, once it is done */
    struct gql_flow *flows, **last_flow;
    uint8_t state;
};

/* A list that is streamed. */
struct gql_flow {
    struct gql_flow *next;
    struct gql_stream *stream;
    const ecom_graphql_value *list;
    uint32_t told; /* items */
    const struct gql_step *path;
    uint32_t id;
};

/* What was come upon in writing: a task or a flow. */
struct gql_found {
    struct gql_found *below;
    size_t at; /* of its value in the text */
    struct gql_task *task;
    struct gql_flow *flow;
};

/* Some items of a flow. */
struct gql_slice {
    struct gql_flow *flow;
    uint32_t from, n;
};

/* What runs together: tasks of the same fields, or slices of the same field. */
struct gql_cohort {
    struct gql_cohort *next;
    struct gql_batch *batch; /* of tasks */
    struct gql_task **tasks;
    const struct gql_stream *stream; /* NULL: tasks */
    struct gql_slice *slices;
    uint32_t n;
    uint32_t nbatches; /* that are still to be run */
};

struct ecom_graphql_rest {
    struct gql_execution x;
    ecom_graphql_document *document;
    struct gql_batch root;
    const void *parent;
    int32_t dialect;
    struct gql_later *due_later, **last_later;
    struct gql_stream *due_stream, **last_stream;
    struct gql_cohort *running, **last_running;
    uint32_t nids, nopen;                     /* told of; and not completed */
    uint32_t nitems;                          /* of lists, that run */
    ecom_buf text, errors;                    /* of what is being written */
    ecom_buf pending, incremental, completed; /* of the part in the making */
};

/* ---- defer.c */

/* What a spread or inline fragment of @p batch is in: one more @defer than @p outer, or that. */
struct gql_defer *ecom__gql_defer(struct gql_execution *x, struct gql_batch *batch,
                                  const struct gql_selection *s, struct gql_defer *outer);
/* Truth: the fragment is to be collected under @p defer; the first time it is. */
int ecom__gql_visit(struct gql_execution *x, const struct gql_selection *s,
                    const struct gql_defer *defer);
/* Sets aside the groups of a batch that come later. */
int ecom__gql_set_aside(struct gql_execution *x, struct gql_batch *batch);
/* Reads @stream of a group. @return ECOM_E_INVAL: it cannot be. */
int ecom__gql_read_stream(struct gql_execution *x, const struct gql_batch *batch,
                          struct gql_group *group, ecom_error *err);
/* Before an object is written: notes what comes later of it. */
int ecom__gql_enter(struct gql_writer *w, const struct gql_batch *batch, uint32_t index,
                    const struct gql_step *path);
/* Items of a streamed list that are written now. */
int ecom__gql_cut_list(struct gql_writer *w, const struct gql_group *group,
                       const ecom_graphql_value *list, const struct gql_ref *of,
                       const struct gql_step *path, uint32_t *n);
/* What was written from @p start on is cut off again. */
void ecom__gql_forget(struct gql_writer *w, size_t start);

/* ---- rest.c */

/* In the arena; NULL: out of memory. */
ecom_graphql_rest *ecom__gql_rest_new(ecom_graphql *graphql, ecom_graphql_document *document,
                                      const ecom_graphql_request *request, ecom_arena *arena);

/* What was found while the whole, a task (else NULL) or an item was written is now to come.
 * @return ECOM_E_NOMEM. */
int ecom__gql_join_found(ecom_graphql_rest *rest, struct gql_found *found, struct gql_task *owner);

/* ---- parts.c: the texts. All return ECOM_OK or ECOM_E_NOMEM. */

int ecom__gql_tell_pending(ecom_graphql_rest *rest, uint32_t id, const struct gql_step *path,
                           ecom_str label);
int ecom__gql_tell_data(ecom_graphql_rest *rest, const struct gql_delivery *delivery,
                        const struct gql_task *task);
int ecom__gql_tell_items(ecom_graphql_rest *rest, const struct gql_flow *flow, ecom_str items,
                         ecom_str errors);
/* errors: p NULL: it ended well. */
int ecom__gql_tell_fragment_end(ecom_graphql_rest *rest, const struct gql_delivery *delivery,
                                ecom_str errors);
int ecom__gql_tell_list_end(ecom_graphql_rest *rest, const struct gql_flow *flow, ecom_str errors);
/* `,"pending":[...],"hasNext":true`, of a first part. */
int ecom__gql_tell_first(ecom_graphql_rest *rest, ecom_buf *out);
/* A whole part that is not the first. */
int ecom__gql_tell_part(ecom_graphql_rest *rest, ecom_buf *out);

#endif
