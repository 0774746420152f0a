#include <pthread.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "http/head.h"
#include "http/link.h"

enum { FIRST_WAIT_MS = 50, LONGEST_WAIT_MS = 2000 };

struct ecom_http_client {
    ecom_http_client_options opts; /* defaults filled in */
    pthread_mutex_t lock;
    struct link *idle; /* the last used first */
};

/* One call under way. */
struct call {
    ecom_http_client *client;
    const ecom_http_call *in;
    ecom_arena *arena; /* of the answer */
    ecom_error *err;
    ecom_http_result *result; /* of a call among several */
    struct url url;
    struct deadline deadline;
    ecom_buf request; /* its head */
    int32_t repeatable, head;
    int32_t due; /* to be sent in this round */
    /* The attempt that goes on, or the last. */
    struct link *link;
    struct attempt attempt;
    struct answer answer;
    int waiting, sent; /* what sending gave */
    /* What it gave. */
    int r, again, stale;
    ecom_http_answer out;
};

int ecom_http_client_new(const ecom_http_client_options *opts, ecom_http_client **out,
                         ecom_error *err)
{
    ecom_http_client *client = calloc(1, sizeof(*client));
    ecom_http_client_options *o;

    if (!client)
        return ecom_fail(err, ECOM_E_NOMEM, "HTTP client");
    o = &client->opts;
    ecom__options_copy(o, sizeof(*o), opts);
    if (o->connect_timeout_ms < 0 || o->timeout_ms < 0 || o->idle_timeout_ms < 0) {
        free(client);
        return ecom_fail(err, ECOM_E_INVAL, "a time-out is negative");
    }
    o->env = o->env ? o->env : ecom_env_system();
    o->connect_timeout_ms = o->connect_timeout_ms ? o->connect_timeout_ms : 2000;
    o->timeout_ms = o->timeout_ms ? o->timeout_ms : 10000;
    o->idle_timeout_ms = o->idle_timeout_ms ? o->idle_timeout_ms : 30000;
    o->max_idle = o->max_idle ? o->max_idle : 32;
    o->max_response_bytes = o->max_response_bytes ? o->max_response_bytes : 8 << 20;
    o->max_tries = o->max_tries ? o->max_tries : 3;
    pthread_mutex_init(&client->lock, NULL);
    *out = client;
    return ECOM_OK;
}

static void close_all(struct link *link)
{
    for (struct link *next; link; link = next) {
        next = link->next;
        ecom__http_link_close(link);
    }
}

void ecom_http_client_free(ecom_http_client *client)
{
    if (!client)
        return;
    close_all(client->idle);
    pthread_mutex_destroy(&client->lock);
    free(client);
}

static int64_t now_us(const ecom_http_client *client)
{
    return client->opts.env->monotonic_us(client->opts.env->self);
}

/* Takes an idle connection to the address out of the list; NULL: there is none. */
static struct link *pool_pop(ecom_http_client *client, ecom_str address)
{
    struct link **at = &client->idle, *found = NULL;

    pthread_mutex_lock(&client->lock);
    while (*at && !ecom_str_eq(ecom_str_of((*at)->address), address))
        at = &(*at)->next;
    if (*at) {
        found = *at;
        *at = found->next;
    }
    pthread_mutex_unlock(&client->lock);
    return found;
}

static int is_old(const ecom_http_client *client, const struct link *link)
{
    return link->since_us < now_us(client) - (int64_t)client->opts.idle_timeout_ms * 1000;
}

/* One that can still be used. */
static struct link *pool_take(ecom_http_client *client, ecom_str address)
{
    struct link *link;

    while ((link = pool_pop(client, address))) {
        if (!is_old(client, link) && ecom__http_link_is_fresh(link))
            return link;
        ecom__http_link_close(link);
    }
    return NULL;
}

/* Cuts off the end of the list: what has been idle for too long, wherever it leads. */
static struct link *cut_old(ecom_http_client *client)
{
    struct link **at = &client->idle, *old;

    while (*at && !is_old(client, *at))
        at = &(*at)->next;
    old = *at;
    *at = NULL;
    return old;
}

static void pool_give(ecom_http_client *client, struct link *link)
{
    uint32_t same = 0;

    link->reused = 1;
    link->since_us = now_us(client);
    pthread_mutex_lock(&client->lock);
    for (const struct link *l = client->idle; l; l = l->next)
        same += strcmp(l->address, link->address) == 0;
    int room = same < client->opts.max_idle;
    if (room) {
        link->next = client->idle;
        client->idle = link;
    }
    struct link *old = cut_old(client);
    pthread_mutex_unlock(&client->lock);
    close_all(old);
    if (!room)
        ecom__http_link_close(link);
}

/* Headers that the client writes itself. */
static int is_own(ecom_str name)
{
    static const char *const names[] = {"Host",       "Content-Length", "Transfer-Encoding",
                                        "Connection", "Expect",         "Upgrade",
                                        "TE",         "Trailer"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (ecom__same(name, ecom_str_of(names[i])))
            return 1;
    return 0;
}

static int put_header(ecom_buf *to, const ecom_header *h, ecom_error *err)
{
    if (!ecom__http_is_token(h->name) || is_own(h->name) || !ecom__http_is_text(h->value))
        return ecom_fail_field(err, ECOM_E_INVAL, "headers", "%.*s is not allowed or malformed",
                               h->name.n < 64 ? (int)h->name.n : 64, h->name.p ? h->name.p : "");
    if (ecom_buf_append(to, h->name) < 0 || ecom_buf_append(to, LIT(": ")) < 0 ||
        ecom_buf_append(to, h->value) < 0 || ecom_buf_append(to, LIT("\r\n")) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "HTTP call");
    return ECOM_OK;
}

static int put_request(struct call *call, ecom_error *err)
{
    const ecom_http_call *in = call->in;
    const struct url *url = &call->url;
    ecom_str method = ecom_str_of(in->method);
    const char *slash = url->target.n && url->target.p[0] == '/' ? "" : "/";
    int has_body = in->body.n || ecom_str_eq(method, LIT("POST")) ||
                   ecom_str_eq(method, LIT("PUT")) || ecom_str_eq(method, LIT("PATCH"));
    int r =
        ecom_buf_printf(&call->request, "%s %s%.*s HTTP/1.1\r\nHost: %.*s\r\n", in->method, slash,
                        (int)url->target.n, url->target.p, (int)url->authority.n, url->authority.p);

    if (r == ECOM_OK && has_body)
        r = ecom_buf_printf(&call->request, "Content-Length: %zu\r\n", in->body.n);
    for (size_t i = 0; r == ECOM_OK && i < in->nheaders; i++)
        if ((r = put_header(&call->request, &in->headers[i], err)) < 0)
            return r;
    if (r == ECOM_OK)
        r = ecom_buf_append(&call->request, LIT("\r\n"));
    return r < 0 ? ecom_fail(err, ECOM_E_NOMEM, "HTTP call") : ECOM_OK;
}

static int is_repeatable(ecom_str method)
{
    static const char *const names[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (ecom_str_eq(method, ecom_str_of(names[i])))
            return 1;
    return 0;
}

static int begin(struct call *call, ecom_http_client *client, const ecom_http_call *in,
                 ecom_arena *arena, ecom_error *err)
{
    ecom_str method = ecom_str_of(in->method);
    int32_t timeout_ms = in->timeout_ms > 0 ? in->timeout_ms : client->opts.timeout_ms;

    call->request = (ecom_buf){0};
    call->client = client;
    call->in = in;
    call->arena = arena;
    call->err = err;
    call->due = 1;
    call->link = NULL;
    call->waiting = call->again = call->stale = 0;
    if (!ecom__http_is_token(method))
        return ecom_fail_field(err, ECOM_E_INVAL, "method", "missing or malformed");
    int r = ecom__http_url_parse(&call->url, ecom_str_of(in->url), err);
    if (r < 0)
        return r;
    call->head = ecom_str_eq(method, LIT("HEAD"));
    call->repeatable = in->retry || is_repeatable(method);
    call->deadline =
        (struct deadline){client->opts.env, now_us(client) + (int64_t)timeout_ms * 1000};
    return put_request(call, err);
}

static int open_link(struct call *call, struct link **out, ecom_error *err)
{
    const ecom_http_client_options *opts = &call->client->opts;
    struct deadline soon = {opts->env,
                            now_us(call->client) + (int64_t)opts->connect_timeout_ms * 1000};

    if (soon.until_us > call->deadline.until_us)
        soon = call->deadline;
    return ecom__http_link_open(&call->url, &soon, out, err);
}

/* The peer says that it could not, this time. */
static int is_passing(int32_t status)
{
    return status == 502 || status == 503 || status == 504;
}

/* ---- calls under way together: all are sent, then their answers are read as they come */

/* The attempt is over, with @p r. */
static void finish(struct call *call, int r)
{
    struct link *link = call->link;
    const struct attempt *attempt = &call->attempt;

    call->waiting = 0;
    call->link = NULL;
    if (r == ECOM_OK)
        r = ecom__http_answer_copy(&call->answer, call->arena, &call->out, call->err);
    call->r = r;
    if (!link) { /* not even connected: nothing was sent */
        call->again = r == ECOM_E_UNAVAILABLE || r == ECOM_E_TIMEOUT;
        return;
    }
    call->again = r == ECOM_E_UNAVAILABLE && (call->repeatable || !attempt->sent);
    /* It had ended while it was idle, which says nothing about the peer: at once, on a new one. */
    call->stale = call->again && link->reused && !attempt->received;
    if (r == ECOM_OK && call->sent == ECOM_OK && call->answer.head.keep_alive && link->in.n == 0)
        pool_give(call->client, link);
    else
        ecom__http_link_close(link);
    if (r == ECOM_OK)
        call->again = call->repeatable && is_passing(call->out.status);
    ecom__http_answer_clear(&call->answer);
}

static void send_call(struct call *call)
{
    call->attempt = (struct attempt){0};
    ecom__http_answer_init(&call->answer, call->head, call->client->opts.max_response_bytes);
    call->waiting = 1;
    call->sent = ecom__http_link_send(call->link, ecom_buf_str(&call->request), call->in->body,
                                      &call->deadline, &call->attempt, call->err);
    if (call->sent < 0 && !(call->sent == ECOM_E_UNAVAILABLE && call->attempt.sent))
        finish(call, call->sent);
}

/* Those for which a connection lies ready go first: to connect may take. */
static void start_all(struct call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct call *call = &calls[i];
        if (!call->due)
            continue;
        call->link = call->stale ? NULL : pool_take(call->client, call->url.authority);
        if (!call->link)
            continue;
        send_call(call);
        call->due = call->stale;
    }
    for (size_t i = 0; i < n; i++) {
        struct call *call = &calls[i];
        if (!call->due)
            continue;
        call->due = call->stale = 0;
        int r = open_link(call, &call->link, call->err);
        if (r < 0)
            finish(call, r);
        else
            send_call(call);
    }
}

/* What is there is taken also when its time is up. */
static void read_call(struct call *call, int in_time)
{
    int r = ecom__http_link_receive(call->link, &call->answer, &call->attempt,
                                    call->sent < 0 ? NULL : call->err);

    if (r == ECOM_OK || r != ECOM_E_TIMEOUT || !in_time)
        finish(call, r < 0 && r != ECOM_E_TIMEOUT && call->sent < 0 ? call->sent : r);
}

/* Waits until something came, or the first time is up. */
static void wait_for_answers(struct call *calls, size_t n, struct pollfd *fds)
{
    int64_t left = INT32_MAX;
    nfds_t waiting = 0;

    for (size_t i = 0; i < n; i++) {
        if (!calls[i].waiting)
            continue;
        int64_t own = ecom__http_deadline_left_ms(&calls[i].deadline);
        left = own < left ? own : left;
        fds[waiting++] = (struct pollfd){calls[i].link->fd, POLLIN, 0};
    }
    if (waiting && poll(fds, waiting, (int)left) < 0)
        for (nfds_t i = 0; i < waiting; i++)
            fds[i].revents = 0;
}

static int read_ready(struct call *calls, size_t n, const struct pollfd *fds)
{
    int waiting = 0;
    nfds_t at = 0;

    for (size_t i = 0; i < n; i++) {
        if (!calls[i].waiting)
            continue;
        int in_time = ecom__http_deadline_left_ms(&calls[i].deadline) > 0;
        if (fds[at++].revents || !in_time)
            read_call(&calls[i], in_time);
        waiting |= calls[i].waiting;
    }
    return waiting;
}

/* Between a half and the whole of a time that doubles, so that callers do not come all at once.
 * @return 0: not before the deadline. */
static int wait_before(const struct call *call, uint32_t tries)
{
    int64_t left = ecom__http_deadline_left_ms(&call->deadline);
    uint64_t ms = tries > 6 ? LONGEST_WAIT_MS : (uint64_t)FIRST_WAIT_MS << (tries - 1);

    if (ms > LONGEST_WAIT_MS)
        ms = LONGEST_WAIT_MS;
    ms = ms / 2 + ecom_env_random_below(call->client->opts.env, ms / 2 + 1);
    if ((int64_t)ms >= left)
        return 0;
    poll(NULL, 0, (int)ms);
    return 1;
}

/* Marks those that are to be tried again. @return 0: none. */
static int choose_again(struct call *calls, size_t n, uint32_t *tries)
{
    const uint32_t most = calls[0].client->opts.max_tries;
    struct call *first = NULL;
    int stale = 0;

    for (size_t i = 0; i < n; i++)
        stale |= calls[i].due = calls[i].stale;
    if (stale)
        return 1;
    for (size_t i = 0; i < n && *tries < most; i++) {
        calls[i].due = calls[i].again;
        first = first ? first : calls[i].again ? &calls[i] : NULL;
    }
    return first && wait_before(first, (*tries)++);
}

static void send_together(struct call *calls, size_t n, struct pollfd *fds)
{
    uint32_t tries = 1;

    do {
        start_all(calls, n);
        do
            wait_for_answers(calls, n, fds);
        while (read_ready(calls, n, fds));
    } while (choose_again(calls, n, &tries));
}

int ecom_http_client_send(ecom_http_client *client, const ecom_http_call *in, ecom_arena *arena,
                          ecom_http_answer *out, ecom_error *err)
{
    struct pollfd fd;
    struct call call;
    int r = begin(&call, client, in, arena, err);

    if (r == ECOM_OK) {
        send_together(&call, 1, &fd);
        r = call.r;
    }
    ecom_buf_free(&call.request);
    if (r == ECOM_OK)
        *out = call.out;
    return r;
}

int ecom_http_client_send_all(ecom_http_client *client, const ecom_http_call *in, size_t n,
                              ecom_arena *arena, ecom_http_result *results, ecom_error *err)
{
    struct call *calls = calloc(n ? n : 1, sizeof(*calls));
    struct pollfd *fds = calloc(n ? n : 1, sizeof(*fds));
    size_t begun = 0;

    if (!calls || !fds) {
        free(calls);
        free(fds);
        return ecom_fail(err, ECOM_E_NOMEM, "%zu HTTP calls", n);
    }
    for (size_t i = 0; i < n; i++) {
        results[i] = (ecom_http_result){0};
        results[i].code = begin(&calls[begun], client, &in[i], arena, &results[i].err);
        if (results[i].code == ECOM_OK)
            calls[begun++].result = &results[i];
        else
            ecom_buf_free(&calls[begun].request);
    }
    if (begun)
        send_together(calls, begun, fds);
    for (size_t i = 0; i < begun; i++) {
        calls[i].result->code = calls[i].r;
        calls[i].result->answer = calls[i].out;
        ecom_buf_free(&calls[i].request);
    }
    free(calls);
    free(fds);
    return ECOM_OK;
}

/* The kind of failure that a status stands for. */
static int code_of(int32_t status)
{
    if (status == 503 || status == 502)
        return ECOM_E_UNAVAILABLE;
    if (status == 408)
        return ECOM_E_TIMEOUT;
    for (int code = ECOM_E_INVAL; code >= ECOM_E_UNKNOWN_TYPE; code--)
        if (ecom_code_of(code)->http == status)
            return code;
    return status < 500 ? ECOM_E_INVAL : ECOM_E_BACKEND;
}

/* The kind that a problem names, if it goes with the status; else the status' own. */
static int named_code(const ecom_json *problem, int32_t status)
{
    const ecom_json *name = ecom_json_get(problem, "code");

    for (int code = ECOM_E_INVAL; name && code >= ECOM_E_UNKNOWN_TYPE; code--)
        if (ecom_code_of(code)->http == status &&
            ecom_str_eq(ecom_str_of(ecom_code_of(code)->name), name->text))
            return code;
    return code_of(status);
}

static ecom_str text_of(const ecom_json *problem, const char *name)
{
    const ecom_json *value = ecom_json_get(problem, name);

    return value && value->kind == ECOM_JSON_STRING ? value->text : (ecom_str){"", 0};
}

/* Seconds only: dates are for browsers. */
static int32_t retry_after_ms(ecom_str text)
{
    int32_t seconds = 0;

    for (size_t i = 0; i < text.n && seconds < 100000; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return 0;
        seconds = seconds * 10 + (text.p[i] - '0');
    }
    return (seconds < 100000 ? seconds : 100000) * 1000;
}

int ecom_http_answer_error(const ecom_http_answer *answer, ecom_error *err)
{
    const ecom_json *problem = NULL;
    char field[64];

    if (answer->status < 400)
        return ECOM_OK;
    ecom_arena *arena = ecom_arena_new(0);
    if (!arena || ecom_json_parse(answer->body, NULL, arena, &problem, NULL) < 0)
        problem = NULL;
    int code = named_code(problem, answer->status);
    ecom_str name = text_of(problem, "field"), detail = text_of(problem, "detail");
    if (!detail.n)
        detail = text_of(problem, "title");
    memcpy(field, name.p, name.n < sizeof(field) ? name.n : (name.n = 0));
    field[name.n] = '\0';
    if (name.n && detail.n > name.n + 2 && memcmp(detail.p, field, name.n) == 0 &&
        memcmp(detail.p + name.n, ": ", 2) == 0)
        detail = (ecom_str){detail.p + name.n + 2, detail.n - name.n - 2}; /* it comes again */
    if (detail.n)
        ecom_fail_field(err, code, field, "%.*s", (int)detail.n, detail.p);
    else
        ecom_fail_field(err, code, field, "the service answered %d", (int)answer->status);
    if (err && (code == ECOM_E_RATE || code == ECOM_E_UNAVAILABLE))
        err->retry_after_ms = retry_after_ms(answer->retry_after);
    ecom_arena_free(arena);
    return code;
}
