/* The server's side of graphql-transport-ws: messages in, messages out. */
#include "ecom/subscribe.h"
#include "graphql/engine.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPERATIONS = 100, MAX_ID = 128, INIT_TIMEOUT_MS = 3000, MESSAGE_ARENA = 32 << 20 };

enum state { WAITING, READY, CLOSED };

struct ecom_graphql_socket {
    atomic_uint refs;
    ecom_graphql_socket_options options; /* defaults filled in; never changes */
    int64_t due_us; /* the peer's thread's: for connection_init, or when the token expires */
    pthread_mutex_t lock;
    /* Under the lock. */
    enum state state;
    struct op *ops;
    uint32_t nops;
    uint32_t resumed; /* how often there was room again */
};

/* An operation. Belongs to its live request, as whose `user` it ends. */
struct op {
    struct op *next;
    ecom_graphql_socket *socket;
    int32_t listed; /* under the socket's lock, as the next */
    uint32_t resumed;
    ecom_graphql_live *live;
    uint32_t nid;
    char id[];
};

static void unref(ecom_graphql_socket *s)
{
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    if (s->options.drop)
        s->options.drop(s->options.user);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- what is said */

static int send_locked(ecom_graphql_socket *s, const ecom_buf *message)
{
    return s->state == CLOSED ? ECOM_E_CLOSED
                              : s->options.send(s->options.user, ecom_buf_str(message));
}

/* `{"id":...,"type":...,"payload":...}`; id and payload may be missing. */
static int write_message(ecom_buf *out, const char *type, ecom_str id, ecom_str payload)
{
    int r = ecom_buf_printf(out, "{\"type\":\"%s\"", type);

    if (r == ECOM_OK && id.p && (r = ecom_buf_append(out, ecom_str_of(",\"id\":"))) == ECOM_OK)
        r = ecom_json_write_str(out, id);
    if (r == ECOM_OK && payload.p &&
        (r = ecom_buf_append(out, ecom_str_of(",\"payload\":"))) == ECOM_OK)
        r = ecom_buf_append(out, payload);
    return r < 0 ? r : ecom_buf_append(out, ecom_str_of("}"));
}

static int say(ecom_graphql_socket *s, const char *type, ecom_str id, ecom_str payload)
{
    ecom_buf out = {0};
    int r = write_message(&out, type, id, payload);

    if (r == ECOM_OK) {
        pthread_mutex_lock(&s->lock);
        r = send_locked(s, &out);
        pthread_mutex_unlock(&s->lock);
    }
    ecom_buf_free(&out);
    return r;
}

static const ecom_str none = {NULL, 0};

/* An `error`, whose payload is the list within `{"errors":[...]}`. */
static void say_errors(ecom_graphql_socket *s, ecom_str id, ecom_str response)
{
    ecom_arena *arena = ecom_arena_new(0);
    const ecom_json *json = NULL, *errors = NULL;
    ecom_buf list = {0};

    if (arena && ecom_json_parse(response, NULL, arena, &json, NULL) == ECOM_OK)
        errors = ecom_json_get(json, "errors");
    if (errors && ecom_json_write(&list, errors) == ECOM_OK)
        (void)say(s, "error", id, ecom_buf_str(&list));
    else
        (void)say(s, "error", id, ecom_str_of("[{\"message\":\"Internal error\"}]"));
    ecom_buf_free(&list);
    ecom_arena_free(arena);
}

static void say_error(ecom_graphql_socket *s, ecom_str id, int code, const char *text)
{
    ecom_buf out = {0};

    if (ecom__gql_refuse_request(&out, ecom_code_of(code)->graphql, text) == ECOM_OK)
        say_errors(s, id, ecom_buf_str(&out));
    ecom_buf_free(&out);
}

/* ---- the list of operations */

/* With the lock held. @return its live request, which is the caller's then; nullable. */
static ecom_graphql_live *unlist(struct op *op)
{
    struct op **at = &op->socket->ops;
    ecom_graphql_live *live = op->live;

    while (*at != op)
        at = &(*at)->next;
    *at = op->next;
    op->socket->nops--;
    op->listed = 0;
    op->live = NULL;
    return live;
}

static struct op *find(ecom_graphql_socket *s, ecom_str id)
{
    struct op *op = s->ops;

    while (op && !ecom_str_eq((ecom_str){op->id, op->nid}, id))
        op = op->next;
    return op;
}

static void cancel(ecom_graphql_live *live)
{
    if (!live)
        return;
    ecom_graphql_live_cancel(live);
    ecom_graphql_live_unref(live);
}

static void cancel_all(ecom_graphql_socket *s)
{
    for (int more = 1; more;) {
        pthread_mutex_lock(&s->lock);
        more = s->ops != NULL;
        ecom_graphql_live *live = more ? unlist(s->ops) : NULL;
        pthread_mutex_unlock(&s->lock);
        cancel(live);
    }
}

/* ---- what a live request needs of its operation */

static int op_run(void *user, void (*fn)(void *arg, int cancelled), void *arg)
{
    const ecom_graphql_socket_options *o = &((struct op *)user)->socket->options;

    return o->run(o->user, fn, arg);
}

static void *op_context(void *user, ecom_arena *arena)
{
    const ecom_graphql_socket_options *o = &((struct op *)user)->socket->options;

    return o->context(o->user, arena);
}

static int op_next(void *user, ecom_str response, ecom_str id)
{
    struct op *op = user;

    (void)id;
    return say(op->socket, "next", (ecom_str){op->id, op->nid}, response);
}

static int op_is_full(void *user)
{
    const ecom_graphql_socket_options *o = &((struct op *)user)->socket->options;

    return o->is_full(o->user);
}

/* First off the list: who is told that it ended may use the id again. */
static void op_end(struct op *op)
{
    pthread_mutex_lock(&op->socket->lock);
    ecom_graphql_live *live = op->listed ? unlist(op) : NULL;
    pthread_mutex_unlock(&op->socket->lock);
    ecom_graphql_live_unref(live);
}

static void op_failed(void *user, ecom_str response)
{
    struct op *op = user;

    op_end(op);
    say_errors(op->socket, (ecom_str){op->id, op->nid}, response);
}

static void op_complete(void *user)
{
    struct op *op = user;

    op_end(op);
    (void)say(op->socket, "complete", (ecom_str){op->id, op->nid}, none);
}

static void op_drop(void *user)
{
    struct op *op = user;
    ecom_graphql_socket *s = op->socket;

    pthread_mutex_lock(&s->lock);
    if (op->listed) /* it did not even start */
        (void)unlist(op);
    pthread_mutex_unlock(&s->lock);
    unref(s);
    free(op);
}

/* ---- what is heard */

static void close_with(ecom_graphql_socket *s, int32_t code, const char *reason)
{
    pthread_mutex_lock(&s->lock);
    if (s->state != CLOSED)
        s->options.close(s->options.user, code, ecom_str_of(reason));
    s->state = CLOSED;
    pthread_mutex_unlock(&s->lock);
    cancel_all(s);
}

static void set_due(ecom_graphql_socket *s, int64_t ms)
{
    const ecom_env *env = s->options.env;

    s->due_us = env->monotonic_us(env->self) + ms * 1000;
    s->options.set_timer(s->options.user, ms < INT_MAX ? (int32_t)ms : INT_MAX);
}

static void on_init(ecom_graphql_socket *s, const ecom_json *payload)
{
    int64_t valid_ms = 0;
    ecom_error err = {0};

    if (payload && payload->kind == ECOM_JSON_NULL)
        payload = NULL;
    if (s->state == READY) {
        close_with(s, 4429, "Too many initialisation requests");
    } else if (payload && payload->kind != ECOM_JSON_OBJECT) {
        close_with(s, 4400, "connection_init: \"payload\" must be an object");
    } else if (s->options.init(s->options.user, payload, &valid_ms, &err) < 0) {
        close_with(s, 4403, err.text[0] ? err.text : "Forbidden");
    } else {
        pthread_mutex_lock(&s->lock);
        s->state = READY;
        pthread_mutex_unlock(&s->lock);
        s->due_us = 0;
        s->options.set_timer(s->options.user, -1);
        if (valid_ms > 0)
            set_due(s, valid_ms);
        (void)say(s, "connection_ack", none, none);
    }
}

static struct op *op_new(ecom_graphql_socket *s, ecom_str id)
{
    struct op *op = calloc(1, sizeof(*op) + id.n);

    if (!op)
        return NULL;
    memcpy(op->id, id.p, id.n);
    op->nid = (uint32_t)id.n;
    op->socket = s;
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return op;
}

static void list(struct op *op)
{
    ecom_graphql_socket *s = op->socket;

    pthread_mutex_lock(&s->lock);
    op->next = s->ops;
    s->ops = op;
    s->nops++;
    op->listed = 1;
    op->resumed = s->resumed;
    pthread_mutex_unlock(&s->lock);
}

/* It may have ended before this end knows that it began, or waited for room that there is again. */
static void started(ecom_graphql_socket *s, struct op *op, ecom_graphql_live *live)
{
    pthread_mutex_lock(&s->lock);
    int listed = op->listed, late = listed && op->resumed != s->resumed;
    if (listed)
        op->live = live;
    if (late) {
        op->resumed = s->resumed;
        ecom_graphql_live_ref(live);
    }
    pthread_mutex_unlock(&s->lock);
    if (late)
        ecom_graphql_live_resume(live);
    if (late || !listed)
        ecom_graphql_live_unref(live);
}

static void op_start(ecom_graphql_socket *s, struct op *op, ecom_str request)
{
    const ecom_graphql_live_options options = {
        .is_full = s->options.is_full ? op_is_full : NULL,
        .size = sizeof(options),
        .graphql = s->options.graphql,
        .max_events = s->options.max_events,
        .timeout_ms = s->options.timeout_ms,
        .run = op_run,
        .context = op_context,
        .next = op_next,
        .failed = op_failed,
        .complete = op_complete,
        .drop = op_drop,
        .user = op,
    };
    ecom_graphql_live *live;
    ecom_error err;
    char id[MAX_ID];
    uint32_t nid = op->nid;

    memcpy(id, op->id, nid);
    list(op);
    if (ecom_graphql_live_start(&options, request, &live, &err) == ECOM_OK)
        started(s, op, live);
    else
        say_error(s, (ecom_str){id, nid}, err.code, err.text);
}

/* NULL: it may begin. Closes, or says an error, otherwise. */
static int may_start(ecom_graphql_socket *s, const ecom_json *id, const ecom_json *payload)
{
    char text[150];

    if (!id || id->kind != ECOM_JSON_STRING || id->text.n == 0 || id->text.n > MAX_ID) {
        close_with(s, 4400, "subscribe: \"id\" must be a string of 1 to 128 bytes");
        return 0;
    }
    if (!payload || payload->kind != ECOM_JSON_OBJECT) {
        close_with(s, 4400, "subscribe: \"payload\" must be an object");
        return 0;
    }
    pthread_mutex_lock(&s->lock);
    int known = find(s, id->text) != NULL, full = s->nops >= s->options.max_operations;
    pthread_mutex_unlock(&s->lock);
    if (known) {
        snprintf(text, sizeof(text), "Subscriber for %.*s already exists",
                 (int)(id->text.n < 80 ? id->text.n : 80), id->text.p);
        close_with(s, 4409, text);
    } else if (full) {
        snprintf(text, sizeof(text),
                 "More than %u operations at a time on this connection (max_operations).",
                 s->options.max_operations);
        say_error(s, id->text, ECOM_E_RATE, text);
    }
    return !known && !full;
}

static void on_subscribe(ecom_graphql_socket *s, const ecom_json *id, const ecom_json *payload)
{
    ecom_buf request = {0};

    if (s->state != READY) {
        close_with(s, 4401, "Unauthorized");
        return;
    }
    if (!may_start(s, id, payload))
        return;
    struct op *op = op_new(s, id->text);
    if (op && ecom_json_write(&request, payload) == ECOM_OK) {
        op_start(s, op, ecom_buf_str(&request));
    } else {
        say_error(s, id->text, ECOM_E_NOMEM, "Internal error");
        if (op)
            op_drop(op);
    }
    ecom_buf_free(&request);
}

static void on_complete(ecom_graphql_socket *s, const ecom_json *id)
{
    if (!id || id->kind != ECOM_JSON_STRING) {
        close_with(s, 4400, "complete: \"id\" must be a string");
        return;
    }
    pthread_mutex_lock(&s->lock);
    struct op *op = find(s, id->text);
    ecom_graphql_live *live = op ? unlist(op) : NULL;
    pthread_mutex_unlock(&s->lock);
    cancel(live);
}

static void on_ping(ecom_graphql_socket *s, const ecom_json *payload)
{
    ecom_buf text = {0};

    if (payload && payload->kind != ECOM_JSON_OBJECT && payload->kind != ECOM_JSON_NULL)
        close_with(s, 4400, "ping: \"payload\" must be an object");
    else if (!payload || payload->kind == ECOM_JSON_NULL)
        (void)say(s, "pong", none, none);
    else if (ecom_json_write(&text, payload) == ECOM_OK)
        (void)say(s, "pong", none, ecom_buf_str(&text));
    ecom_buf_free(&text);
}

static void on_message(ecom_graphql_socket *s, const ecom_json *message)
{
    const ecom_json *type = ecom_json_get(message, "type"), *id = ecom_json_get(message, "id");
    const ecom_json *payload = ecom_json_get(message, "payload");
    ecom_str t = type && type->kind == ECOM_JSON_STRING ? type->text : none;

    if (ecom_str_eq(t, ecom_str_of("connection_init")))
        on_init(s, payload);
    else if (ecom_str_eq(t, ecom_str_of("subscribe")))
        on_subscribe(s, id, payload);
    else if (ecom_str_eq(t, ecom_str_of("complete")))
        on_complete(s, id);
    else if (ecom_str_eq(t, ecom_str_of("ping")))
        on_ping(s, payload);
    else if (!ecom_str_eq(t, ecom_str_of("pong")))
        close_with(s, 4400, "Invalid message: \"type\" is none of graphql-transport-ws");
}

void ecom_graphql_socket_receive(ecom_graphql_socket *s, ecom_str message)
{
    ecom_arena *arena = ecom_arena_new(MESSAGE_ARENA);
    const ecom_json *json = NULL;
    int r = arena ? ecom_json_parse(message, NULL, arena, &json, NULL) : ECOM_E_NOMEM;

    if (s->state == CLOSED)
        r = ECOM_E_CLOSED;
    else if (r == ECOM_E_NOMEM)
        close_with(s, 4500, "Internal error");
    else if (r < 0 || json->kind != ECOM_JSON_OBJECT)
        close_with(s, 4400, "Invalid message: it must be a JSON object");
    else
        on_message(s, json);
    ecom_arena_free(arena);
}

/* With a reference; NULL: none is left that has not been resumed since the last room. */
static ecom_graphql_live *next_to_resume(ecom_graphql_socket *s)
{
    ecom_graphql_live *live = NULL;

    pthread_mutex_lock(&s->lock);
    for (struct op *op = s->ops; op && !live; op = op->next)
        if (op->live && op->resumed != s->resumed) {
            op->resumed = s->resumed;
            live = ecom_graphql_live_ref(op->live);
        }
    pthread_mutex_unlock(&s->lock);
    return live;
}

void ecom_graphql_socket_resume(ecom_graphql_socket *s)
{
    ecom_graphql_live *live;

    pthread_mutex_lock(&s->lock);
    s->resumed++;
    pthread_mutex_unlock(&s->lock);
    while ((live = next_to_resume(s))) {
        ecom_graphql_live_resume(live);
        ecom_graphql_live_unref(live);
    }
}

void ecom_graphql_socket_timer(ecom_graphql_socket *s)
{
    const ecom_env *env = s->options.env;
    int64_t left_us = s->due_us - env->monotonic_us(env->self);

    if (s->due_us == 0 || s->state == CLOSED)
        return;
    if (left_us > 0)
        set_due(s, (left_us + 999) / 1000);
    else if (s->state == WAITING)
        close_with(s, 4408, "Connection initialisation timeout");
    else
        close_with(s, 4403, "the token has expired");
}

int ecom_graphql_socket_new(const ecom_graphql_socket_options *options, ecom_graphql_socket **out,
                            ecom_error *err)
{
    ecom_graphql_socket *s = calloc(1, sizeof(*s));

    if (!s)
        return ecom_fail(err, ECOM_E_NOMEM, "a GraphQL socket");
    atomic_init(&s->refs, 1);
    pthread_mutex_init(&s->lock, NULL);
    s->options = *options;
    if (!s->options.max_operations)
        s->options.max_operations = MAX_OPERATIONS;
    if (!s->options.env)
        s->options.env = ecom_env_system();
    *out = s;
    set_due(s, options->init_timeout_ms ? options->init_timeout_ms : INIT_TIMEOUT_MS);
    return ECOM_OK;
}

void ecom_graphql_socket_free(ecom_graphql_socket *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->state = CLOSED;
    pthread_mutex_unlock(&s->lock);
    cancel_all(s);
    unref(s);
}
