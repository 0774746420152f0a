#include "lambda.h"

#include "libecom/base/wait.h"

#include <ecom/http.h>

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where its process is, as far as it said. */
enum phase {
    DOWN,     /* there is none */
    STARTING, /* it has not asked for an invocation yet */
    READY,    /* it waits for one */
    BUSY      /* it has one; or has answered it, and not asked for the next yet */
};

struct sandbox {
    const struct function *fn;
    ecom_http_server *api;
    char address[32];
    pthread_mutex_t lock;
    pthread_cond_t news;
    int closing;

    struct process process;
    pthread_t watcher;
    int watched; /* the watcher is to be joined */
    uint64_t starts;
    enum phase phase;
    char why[128]; /* its process ended */

    struct invocation *current; /* NULL: none */
    int given, answered;
    ecom_buf init_error;
};

static int64_t now_us(void)
{
    const ecom_env *env = ecom_env_system();

    return env->monotonic_us(env->self);
}

/* Waits for news until then. Truth: in vain. */
static int wait_until(struct sandbox *s, int64_t us)
{
    const struct timespec until = {us / 1000000, us % 1000000 * 1000};

    return pthread_cond_timedwait(&s->news, &s->lock, &until) != 0 && now_us() >= us;
}

/* Reads what the process writes, and sees it end. */
static void *watch(void *user)
{
    struct sandbox *s = user;
    struct pollfd fds[2] = {{s->process.out, POLLIN, 0}, {s->process.pidfd, POLLIN, 0}};

    while (!fds[1].revents) {
        if (poll(fds, 2, -1) < 0)
            continue;
        pthread_mutex_lock(&s->lock);
        process_read(&s->process);
        pthread_mutex_unlock(&s->lock);
        if (fds[0].revents & POLLHUP)
            fds[0].fd = -1;
    }
    pthread_mutex_lock(&s->lock);
    process_reap(&s->process, s->why, sizeof(s->why));
    s->phase = DOWN;
    pthread_cond_broadcast(&s->news);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Called with the lock, like all below that begin the same way; the watcher needs it to end. */
static void join_watcher(struct sandbox *s)
{
    if (!s->watched)
        return;
    s->watched = 0;
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->watcher, NULL);
    pthread_mutex_lock(&s->lock);
}

static void end_process(struct sandbox *s)
{
    process_kill(&s->process);
    join_watcher(s);
}

static int start(struct sandbox *s, ecom_error *err)
{
    join_watcher(s);
    s->init_error.n = 0;
    if (s->closing)
        return ecom_fail(err, ECOM_E_CLOSED, "stopping");
    int r = process_start(&s->process, s->fn->name, s->fn->path, s->address, &s->fn->limits, err);
    if (r < 0)
        return r;
    s->starts++;
    s->phase = STARTING;
    if (pthread_create(&s->watcher, NULL, watch, s) != 0) {
        process_kill(&s->process);
        process_reap(&s->process, s->why, sizeof(s->why));
        s->phase = DOWN;
        return ecom_fail(err, ECOM_E_NOMEM, "no thread to watch it");
    }
    s->watched = 1;
    return ECOM_OK;
}

/* What AWS says of a process that did not answer. */
static void fail(struct invocation *in, const char *type, const char *text)
{
    in->failed = 1;
    in->payload.n = 0;
    if (ecom_buf_printf(&in->payload,
                        "{\"errorType\":\"%s\",\"errorMessage\":\"RequestId: %s Error: %s\"}", type,
                        in->id.s, text) < 0)
        in->payload.n = 0;
}

static void say(struct sandbox *s, const char *fmt, ...) ECOM_PRINTF(2, 3);
static void say(struct sandbox *s, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    process_say(&s->process, text);
}

/* Until it asks for an invocation. */
static int start_once(struct sandbox *s, struct invocation *in, int32_t within_ms)
{
    int64_t until = now_us() + (int64_t)within_ms * 1000;
    ecom_error e = {0};

    if (start(s, &e) < 0) {
        fail(in, "Runtime.InvalidEntrypoint", e.text);
        return -1;
    }
    while (s->phase == STARTING && !s->init_error.n && !wait_until(s, until))
        ;
    if (s->phase == READY)
        return 0;
    if (s->phase == STARTING && !s->init_error.n)
        fail(in, "Sandbox.Timedout", "the initialisation did not end in time");
    else if (!s->init_error.n)
        fail(in, "Runtime.ExitError", s->why);
    end_process(s);
    if (s->init_error.n) {
        in->failed = 1;
        in->payload.n = 0;
        if (ecom_buf_append(&in->payload, ecom_buf_str(&s->init_error)) < 0)
            in->payload.n = 0;
    }
    return -1;
}

/* As on AWS: what fails first has a second chance, within the time of the invocation. */
static int start_up(struct sandbox *s, struct invocation *in)
{
    say(s, "INIT_START Runtime: %s\n", s->fn->path);
    if (start_once(s, in, LAMBDA_INIT_MS) == 0)
        return 0;
    say(s, "INIT_REPORT Status: error\n");
    if (start_once(s, in, s->fn->limits.timeout_ms) < 0)
        return -1;
    in->failed = 0;
    in->payload.n = 0;
    return 0;
}

/* Until it has answered and asks for the next, or has ended, or the time has. */
static void hand_over(struct sandbox *s, struct invocation *in)
{
    int32_t timeout_ms = s->fn->limits.timeout_ms;
    int64_t until = now_us() + (int64_t)timeout_ms * 1000;
    char text[64];

    in->deadline_ms = ecom_env_now_ms(ecom_env_system()) + timeout_ms;
    s->current = in;
    s->given = s->answered = 0;
    process_freeze(&s->process, 0);
    pthread_cond_broadcast(&s->news);
    while (!(s->answered && s->phase == READY) && s->phase != DOWN && !wait_until(s, until))
        ;
    s->current = NULL;
    process_read(&s->process);
    if (s->phase == DOWN) {
        if (!s->answered)
            fail(in, "Runtime.ExitError", s->why);
    } else if (!s->answered || s->phase != READY) {
        snprintf(text, sizeof(text), "Task timed out after %d.%02d seconds", timeout_ms / 1000,
                 timeout_ms % 1000 / 10);
        fail(in, "Sandbox.Timedout", text);
        say(s, "%s %s\n", in->id.s, text);
        end_process(s);
    }
}

static void report(struct sandbox *s, const struct invocation *in, int64_t init_us, int64_t us)
{
    char init[64] = "";

    if (init_us)
        snprintf(init, sizeof(init), "\tInit Duration: %.2f ms", (double)init_us / 1000);
    say(s, "END RequestId: %s\n", in->id.s);
    say(s,
        "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %lld ms\tMemory Size: %d MB"
        "\tMax Memory Used: %d MB%s\n",
        in->id.s, (double)us / 1000, (long long)(us + 999) / 1000, (int)s->fn->limits.memory_mib,
        process_memory(&s->process), init);
}

void sandbox_run(struct sandbox *s, struct invocation *in)
{
    pthread_mutex_lock(&s->lock);
    int64_t begun = now_us(), init = 0;
    int ready = s->phase == READY;

    s->process.ntail = 0;
    s->process.name = s->fn->name;
    if (!ready && !s->closing) {
        ready = start_up(s, in) == 0;
        init = now_us() - begun;
        begun = now_us();
    }
    say(s, "START RequestId: %s Version: $LATEST\n", in->id.s);
    if (ready)
        hand_over(s, in);
    else if (!in->failed)
        fail(in, "Sandbox.Failure", "stopping");
    report(s, in, init, now_us() - begun);
    if (s->phase == READY)
        process_freeze(&s->process, 1);
    if (ecom_buf_append(&in->tail, (ecom_str){s->process.tail, s->process.ntail}) < 0)
        in->tail.n = 0;
    pthread_mutex_unlock(&s->lock);
}

/* The Runtime API. */

static int refuse(ecom_exchange *x, int status, const char *type, ecom_error *err)
{
    ecom_exchange_set_status(x, status);
    return ecom_buf_printf(ecom_exchange_out(x), "{\"errorType\":\"%s\",\"errorMessage\":\"%s\"}",
                           type, type) < 0
               ? ecom_fail(err, ECOM_E_NOMEM, "out of memory")
               : ECOM_OK;
}

static int accept_it(ecom_exchange *x, ecom_error *err)
{
    ecom_exchange_set_status(x, 202);
    return ecom_buf_append(ecom_exchange_out(x), ecom_str_of("{\"status\":\"OK\"}\n")) < 0
               ? ecom_fail(err, ECOM_E_NOMEM, "out of memory")
               : ECOM_OK;
}

static int write_invocation(const struct sandbox *s, ecom_exchange *x)
{
    const struct invocation *in = s->current;
    char deadline[32], trace[80];

    snprintf(deadline, sizeof(deadline), "%lld", (long long)in->deadline_ms);
    snprintf(trace, sizeof(trace), "Root=1-%08llx-%.8s%.4s%.12s;Sampled=0",
             (unsigned long long)(in->deadline_ms / 1000), in->id.s, in->id.s + 9, in->id.s + 24);
    if (ecom_exchange_add_header(x, "Lambda-Runtime-Aws-Request-Id", ecom_str_of(in->id.s)) < 0 ||
        ecom_exchange_add_header(x, "Lambda-Runtime-Deadline-Ms", ecom_str_of(deadline)) < 0 ||
        ecom_exchange_add_header(x, "Lambda-Runtime-Invoked-Function-Arn",
                                 ecom_str_of(s->fn->arn)) < 0 ||
        ecom_exchange_add_header(x, "Lambda-Runtime-Trace-Id", ecom_str_of(trace)) < 0)
        return -1;
    if (in->client_context.n &&
        ecom_exchange_add_header(x, "Lambda-Runtime-Client-Context", in->client_context) < 0)
        return -1;
    return ecom_buf_append(ecom_exchange_out(x), in->event);
}

static int get_next(void *user, ecom_exchange *x, ecom_error *err)
{
    struct sandbox *s = user;
    int r;

    pthread_mutex_lock(&s->lock);
    uint64_t starts = s->starts;
    if (s->phase == BUSY && !s->answered) {
        pthread_mutex_unlock(&s->lock);
        return refuse(x, 403, "InvalidStateTransition", err);
    }
    if (s->phase != DOWN)
        s->phase = READY;
    pthread_cond_broadcast(&s->news);
    while (!s->closing && s->phase == READY && s->starts == starts && !(s->current && !s->given))
        pthread_cond_wait(&s->news, &s->lock);
    if (s->closing || s->phase != READY || s->starts != starts) {
        r = refuse(x, 500, "Container", err);
    } else {
        s->given = 1;
        s->phase = BUSY;
        r = write_invocation(s, x) < 0 ? ecom_fail(err, ECOM_E_NOMEM, "out of memory") : ECOM_OK;
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}

static int answer(struct sandbox *s, ecom_exchange *x, int failed, ecom_error *err)
{
    ecom_str body = ecom_exchange_body(x), id = ecom_exchange_param(x, "id");

    if (body.n > LAMBDA_MAX_PAYLOAD)
        return refuse(x, 413, "RequestEntityTooLarge", err);
    pthread_mutex_lock(&s->lock);
    struct invocation *in = s->current;
    int fits = in && s->given && !s->answered && ecom_str_eq(id, ecom_str_of(in->id.s));
    if (fits && ecom_buf_append(&in->payload, body) < 0)
        fits = -1;
    if (fits > 0) {
        in->failed = failed;
        s->answered = 1;
        pthread_cond_broadcast(&s->news);
    }
    pthread_mutex_unlock(&s->lock);
    return fits > 0    ? accept_it(x, err)
           : fits == 0 ? refuse(x, 400, "InvalidRequestID", err)
                       : ecom_fail(err, ECOM_E_NOMEM, "out of memory");
}

static int post_response(void *user, ecom_exchange *x, ecom_error *err)
{
    return answer(user, x, 0, err);
}

static int post_error(void *user, ecom_exchange *x, ecom_error *err)
{
    return answer(user, x, 1, err);
}

static int post_init_error(void *user, ecom_exchange *x, ecom_error *err)
{
    struct sandbox *s = user;
    ecom_str body = ecom_exchange_body(x);

    pthread_mutex_lock(&s->lock);
    int fits = s->phase == STARTING && !s->init_error.n && body.n &&
               ecom_buf_append(&s->init_error, body) == ECOM_OK;
    pthread_cond_broadcast(&s->news);
    pthread_mutex_unlock(&s->lock);
    return fits ? accept_it(x, err) : refuse(x, 403, "InvalidStateTransition", err);
}

#define API "/2018-06-01/runtime/"
static const ecom_route routes[] = {
    {.method = "GET", .pattern = API "invocation/next", .handle = get_next},
    {.method = "POST", .pattern = API "invocation/{id}/response", .handle = post_response},
    {.method = "POST", .pattern = API "invocation/{id}/error", .handle = post_error},
    {.method = "POST", .pattern = API "init/error", .handle = post_init_error},
};

static int open_api(struct sandbox *s, ecom_error *err)
{
    const ecom_http_options opts = {
        .size = sizeof(opts),
        .name = "ecom-lambda",
        .version = ecom_version(),
        .host = "127.0.0.1",
        .routes = routes,
        .nroutes = sizeof(routes) / sizeof(routes[0]),
        .user = s,
        .threads = 4,
        .max_body_bytes = LAMBDA_MAX_PAYLOAD + (64 << 10),
        .idle_timeout_ms = 24 * 3600 * 1000,
    };
    int r = ecom_http_server_new(&opts, &s->api, err);

    if (r == ECOM_OK)
        r = ecom_http_server_start(s->api, err);
    if (r == ECOM_OK)
        snprintf(s->address, sizeof(s->address), "127.0.0.1:%d",
                 (int)ecom_http_server_port(s->api));
    return r;
}

int sandbox_new(const struct function *fn, struct sandbox **out, ecom_error *err)
{
    struct sandbox *s = calloc(1, sizeof(*s));

    if (!s)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    ecom__cond_init(&s->news);
    pthread_mutex_init(&s->lock, NULL);
    s->fn = fn;
    s->process.out = s->process.pidfd = -1;
    int r = open_api(s, err);
    if (r < 0) {
        sandbox_free(s);
        return r;
    }
    *out = s;
    return ECOM_OK;
}

void sandbox_stop(struct sandbox *s)
{
    pthread_mutex_lock(&s->lock);
    s->closing = 1;
    pthread_cond_broadcast(&s->news);
    process_kill(&s->process);
    pthread_mutex_unlock(&s->lock);
}

void sandbox_free(struct sandbox *s)
{
    if (!s)
        return;
    sandbox_stop(s);
    pthread_mutex_lock(&s->lock);
    join_watcher(s);
    pthread_mutex_unlock(&s->lock);
    ecom_http_server_free(s->api);
    pthread_cond_destroy(&s->news);
    pthread_mutex_destroy(&s->lock);
    ecom_buf_free(&s->init_error);
    free(s);
}
