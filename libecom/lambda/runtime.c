#include "lambda/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "lambda/report.h"

#define API "/2018-06-01/runtime/"

enum {
    MAX_REQUEST_ID = 128,
    MAX_TRIES = 5,     /* to tell an answer */
    MAX_FAILURES = 50, /* in a row, before the process is given up */
    FIRST_WAIT_MS = 10,
    LONGEST_WAIT_MS = 5000,
    ARENA_BYTES = 96 << 20, /* the values of the largest event that is read, and more */
    LONG_PAST_MS = 900000,  /* no invocation lasts longer */
    LEAST_MARGIN_MS = 20,
    MOST_MARGIN_MS = 500
};

struct ecom_lambda {
    ecom_lambda_options opts;
    const struct lambda_transport *transport;
    void *self;
    ecom_arena *arena;
    struct reply reply;
    ecom_buf result; /* to be told, or why there is none */

    char request_id[MAX_REQUEST_ID + 1]; /* of the invocation in hand; empty: none */
    const char *error_type;              /* it failed; static, or init_type */
    char init_type[32];
    int32_t to_tell; /* its answer is ready */
    uint32_t tries;  /* to tell it */
    uint32_t failures;
    volatile int stopped;
};

int ecom__lambda_report(ecom_buf *out, const char *type, const char *text, int stack)
{
    size_t before = out->n;
    int r = ecom_buf_append(out, ecom_str_of("{\"errorType\":"));

    if (r == ECOM_OK)
        r = ecom_json_write_str(out, ecom_str_of(type));
    if (r == ECOM_OK)
        r = ecom_buf_append(out, ecom_str_of(",\"errorMessage\":"));
    if (r == ECOM_OK)
        r = ecom_json_write_str(out, ecom_str_of(text));
    if (r == ECOM_OK)
        r = ecom_buf_append(out, ecom_str_of(stack ? ",\"stackTrace\":[]}" : "}"));
    if (r < 0)
        out->n = before;
    return r;
}

int ecom__lambda_new(const ecom_lambda_options *opts, const struct lambda_transport *transport,
                     void *self, ecom_lambda **out, ecom_error *err)
{
    ecom_lambda *lambda = calloc(1, sizeof(*lambda));

    if (!lambda)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    ecom__options_copy(&lambda->opts, sizeof(lambda->opts), opts);
    if (!lambda->opts.env)
        lambda->opts.env = ecom_env_system();
    lambda->arena = ecom_arena_new(ARENA_BYTES);
    if (!lambda->arena) {
        free(lambda);
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    }
    lambda->transport = transport;
    lambda->self = self;
    *out = lambda;
    return ECOM_OK;
}

int ecom_lambda_new(const ecom_lambda_options *opts, ecom_lambda **out, ecom_error *err)
{
    ecom_lambda_options o;
    void *wire = NULL;

    ecom__options_copy(&o, sizeof(o), opts);
    if (!o.handle)
        return ecom_fail_field(err, ECOM_E_INVAL, "handle", "is missing");
    int r = ecom__lambda_wire_new(o.api, o.env ? o.env : ecom_env_system(), &wire, err);
    if (r == ECOM_OK && (r = ecom__lambda_new(&o, &ecom__lambda_wire, wire, out, err)) < 0)
        ecom__lambda_wire.close(wire);
    return r;
}

void ecom_lambda_free(ecom_lambda *lambda)
{
    if (!lambda)
        return;
    lambda->transport->close(lambda->self);
    ecom__lambda_reply_clear(&lambda->reply);
    ecom_buf_free(&lambda->result);
    ecom_arena_free(lambda->arena);
    free(lambda);
}

void ecom_lambda_stop(ecom_lambda *lambda)
{
    lambda->stopped = 1;
    lambda->transport->stop(lambda->self);
}

static int call(ecom_lambda *lambda, const struct lambda_request *request, uint32_t max_bytes,
                ecom_error *err)
{
    ecom__lambda_reply_clear(&lambda->reply);
    ecom__lambda_reply_init(&lambda->reply, max_bytes);
    return lambda->transport->call(lambda->self, request, &lambda->reply, err);
}

static int status_of(const ecom_lambda *lambda)
{
    return lambda->reply.status;
}

/* What AWS calls a container error: the environment cannot be saved. */
static int beyond_help(const ecom_lambda *lambda, const char *doing, ecom_error *err)
{
    return ecom_fail(err, ECOM_E_BACKEND, "Runtime API: %s was answered with %d", doing,
                     status_of(lambda));
}

static ecom_str header(const ecom_lambda *lambda, const char *name)
{
    return ecom__lambda_reply_header(&lambda->reply, name);
}

static int is_plain(ecom_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((!s.p[i] || !strchr("-_.~", s.p[i])) && !(s.p[i] >= '0' && s.p[i] <= '9') &&
            !((s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z'))
            return 0;
    return 1;
}

/* It becomes part of a path. */
static int take_request_id(ecom_lambda *lambda, ecom_error *err)
{
    ecom_str id = header(lambda, "Lambda-Runtime-Aws-Request-Id");

    if (id.n < 1 || id.n > MAX_REQUEST_ID || !is_plain(id))
        return ecom_fail(err, ECOM_E_UNAVAILABLE,
                         "Runtime API: an invocation without a request id that could be used");
    memcpy(lambda->request_id, id.p, id.n);
    lambda->request_id[id.n] = '\0';
    return ECOM_OK;
}

/* One that was over before any invocation could have begun says nothing: the clock is wrong, or an
 * emulator tells a duration. */
static int64_t read_deadline(const ecom_lambda *lambda, ecom_str text)
{
    int64_t ms = 0;

    if (text.n < 1 || text.n > 15)
        return INT64_MAX;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return INT64_MAX;
        ms = ms * 10 + (text.p[i] - '0');
    }
    return ms < ecom_env_now_ms(lambda->opts.env) - LONG_PAST_MS ? INT64_MAX : ms;
}

/* A twentieth of the time that there is. */
static int32_t margin_of(const ecom_lambda *lambda, int64_t deadline_ms)
{
    int64_t margin =
        deadline_ms == INT64_MAX ? 0 : (deadline_ms - ecom_env_now_ms(lambda->opts.env)) / 20;

    return margin < LEAST_MARGIN_MS  ? LEAST_MARGIN_MS
           : margin > MOST_MARGIN_MS ? MOST_MARGIN_MS
                                     : (int32_t)margin;
}

/* Asks for an invocation, which is in lambda->reply then. */
static int ask(ecom_lambda *lambda, ecom_error *err)
{
    const struct lambda_request request = {
        .method = "GET", .path = API "invocation/next", .patient = 1};

    if (lambda->stopped)
        return ecom_fail(err, ECOM_E_CLOSED, "stopped");
    int r = call(lambda, &request, ECOM_LAMBDA_MAX_EVENT, err);
    if (r < 0)
        return r;
    if (status_of(lambda) == 500)
        return beyond_help(lambda, "next", err);
    if (status_of(lambda) != 200)
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "Runtime API: next was answered with %d",
                         status_of(lambda));
    return take_request_id(lambda, err);
}

/* Makes the error the answer. */
static void fail_with(ecom_lambda *lambda, const char *type, int code, const char *text)
{
    static const char spare[] =
        "{\"errorType\":\"NOMEM\",\"errorMessage\":\"out of memory\",\"stackTrace\":[]}";

    lambda->error_type = type;
    ecom_buf_free(&lambda->result);
    if (ecom__lambda_report(&lambda->result, lambda->error_type,
                            text[0] ? text : ecom_code_of(code)->title, 1) < 0 &&
        ecom_buf_append(&lambda->result, (ecom_str){spare, sizeof(spare) - 1}) < 0)
        lambda->result.n = 0; /* the type in the header says it */
}

static void fail_invocation(ecom_lambda *lambda, int code, const char *text)
{
    fail_with(lambda, ecom_code_of(code)->name, code, text);
}

static void handle(ecom_lambda *lambda)
{
    int64_t deadline = read_deadline(lambda, header(lambda, "Lambda-Runtime-Deadline-Ms"));
    ecom_str id = ecom_str_of(lambda->request_id);
    const ecom_lambda_context context = {
        .size = sizeof(context),
        .request_id = id,
        .function_arn = header(lambda, "Lambda-Runtime-Invoked-Function-Arn"),
        .trace_id = header(lambda, "Lambda-Runtime-Trace-Id"),
        .client_context = header(lambda, "Lambda-Runtime-Client-Context"),
        .cognito_identity = header(lambda, "Lambda-Runtime-Cognito-Identity"),
        .deadline_ms = deadline,
        .margin_ms = margin_of(lambda, deadline),
        .env = lambda->opts.env,
        .log = lambda->opts.log,
        .arena = lambda->arena,
    };
    ecom_error why = {0};

    ecom_arena_reset(lambda->arena);
    lambda->result.n = 0;
    lambda->error_type = NULL;
    int r = lambda->opts.handle(lambda->opts.user, ecom_buf_str(&lambda->reply.body), &context,
                                &lambda->result, &why);
    if (r == ECOM_OK && lambda->result.n > ECOM_LAMBDA_MAX_RESPONSE)
        r = ecom_fail(&why, ECOM_E_TOOLARGE, "the result has %zu bytes, more than %u",
                      lambda->result.n, ECOM_LAMBDA_MAX_RESPONSE);
    if (r == ECOM_OK && !lambda->result.n &&
        ecom_buf_append(&lambda->result, ecom_str_of("null")) < 0)
        r = ECOM_E_NOMEM;
    if (r < 0)
        fail_invocation(lambda, r, why.text);
    lambda->to_tell = 1;
    lambda->tries = 0;
}

static int post(ecom_lambda *lambda, const char *path, ecom_str body, ecom_error *err)
{
    const ecom_header headers[] = {
        {ecom_str_of("Content-Type"), lambda->error_type
                                          ? ecom_str_of("application/vnd.aws.lambda.error+json")
                                          : ecom_str_of("application/json")},
        {ecom_str_of("Lambda-Runtime-Function-Error-Type"),
         ecom_str_of(lambda->error_type ? lambda->error_type : "")},
    };
    const struct lambda_request request = {
        .method = "POST",
        .path = path,
        .headers = headers,
        .nheaders = lambda->error_type ? 2 : 1,
        .body = body,
    };

    return call(lambda, &request, 64 << 10, err);
}

static void log_untold(const ecom_lambda *lambda, const char *why)
{
    const ecom_log_field fields[] = {
        {"requestId", ecom_str_of(lambda->request_id), 0},
        {"reason", ecom_str_of(why), 0},
        {"status", {NULL, 0}, status_of(lambda)},
    };

    ecom_log_write(lambda->opts.log, ECOM_LOG_ERROR, "the answer could not be told", fields, 3);
}

static void forget(ecom_lambda *lambda)
{
    lambda->to_tell = 0;
    lambda->request_id[0] = '\0';
}

/* Tells the answer. One that is refused is not told again: then the invocation has ended already,
 * or never will. */
static int tell(ecom_lambda *lambda, ecom_error *err)
{
    char path[sizeof(API) + MAX_REQUEST_ID + 32];

    snprintf(path, sizeof(path), API "invocation/%s/%s", lambda->request_id,
             lambda->error_type ? "error" : "response");
    int r = post(lambda, path, ecom_buf_str(&lambda->result), err);
    if (r == ECOM_OK && status_of(lambda) > 500)
        r = ecom_fail(err, ECOM_E_UNAVAILABLE, "Runtime API: an answer was answered with %d",
                      status_of(lambda));
    if (r < 0 && ++lambda->tries < MAX_TRIES)
        return r;
    if (r < 0) {
        log_untold(lambda, err ? err->text : "");
        forget(lambda);
        return r;
    }
    if (status_of(lambda) == 500) {
        forget(lambda);
        return beyond_help(lambda, "an answer", err);
    }
    if (status_of(lambda) == 413 && !lambda->error_type) {
        fail_invocation(lambda, ECOM_E_TOOLARGE, "the Runtime API refused the result as too large");
        return tell(lambda, err);
    }
    if (status_of(lambda) >= 300)
        log_untold(lambda, "refused");
    forget(lambda);
    return ECOM_OK;
}

/* Between a half and the whole of a time that doubles. */
static int32_t back_off(ecom_lambda *lambda)
{
    uint32_t doubled = lambda->failures < 10 ? lambda->failures : 10;
    uint64_t ms = (uint64_t)FIRST_WAIT_MS << doubled;

    if (ms > LONGEST_WAIT_MS)
        ms = LONGEST_WAIT_MS;
    lambda->failures++;
    return (int32_t)(ms / 2 + ecom_env_random_below(lambda->opts.env, ms / 2 + 1));
}

int ecom_lambda_step(ecom_lambda *lambda, int32_t *wait_ms, ecom_error *err)
{
    ecom_error why = {0};
    int r = ECOM_OK;

    *wait_ms = 0;
    if (!lambda->to_tell && (r = ask(lambda, &why)) == ECOM_OK)
        handle(lambda);
    if (r == ECOM_OK)
        r = tell(lambda, &why);
    if (r == ECOM_OK)
        lambda->failures = 0;
    else if (r != ECOM_E_CLOSED && r != ECOM_E_BACKEND)
        *wait_ms = back_off(lambda);
    if (r < 0 && err)
        *err = why;
    return r;
}

int ecom_lambda_run(ecom_lambda *lambda, ecom_error *err)
{
    int32_t wait_ms;

    for (;;) {
        int r = ecom_lambda_step(lambda, &wait_ms, err);
        if (r == ECOM_E_CLOSED || (r < 0 && lambda->stopped && !lambda->to_tell))
            return ECOM_OK;
        if (r == ECOM_E_BACKEND || (r < 0 && lambda->failures >= MAX_FAILURES))
            return r;
        if (wait_ms)
            lambda->transport->wait(lambda->self, wait_ms);
    }
}

int ecom_lambda_init_error(ecom_lambda *lambda, const ecom_error *why, ecom_error *err)
{
    snprintf(lambda->init_type, sizeof(lambda->init_type), "Init.%s",
             ecom_code_of(why->code)->name);
    fail_with(lambda, lambda->init_type, why->code, why->text);
    int r = post(lambda, API "init/error", ecom_buf_str(&lambda->result), err);
    if (r == ECOM_OK && status_of(lambda) >= 300)
        r = beyond_help(lambda, "an initialisation error", err);
    return r;
}

/* Appends to a text on the stack: printf may not be called in a signal handler. */
static size_t put(char *to, size_t n, size_t max, const char *text)
{
    while (*text && n < max)
        to[n++] = *text++;
    return n;
}

void ecom_lambda_last_word(ecom_lambda *lambda, const char *type, const char *text)
{
    char body[512], word[1024], length[] = "000";
    size_t n = 0, k = 0;

    if (!lambda->request_id[0] || lambda->to_tell)
        return;
    const char *const parts[] = {"{\"errorType\":\"", type, "\",\"errorMessage\":\"", text,
                                 "\",\"stackTrace\":[]}"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        k = put(body, k, sizeof(body) - 1, parts[i]);
    body[k] = '\0';
    for (size_t i = sizeof(length) - 1, rest = k; i-- > 0; rest /= 10)
        length[i] = (char)('0' + rest % 10);
    const char *const lines[] = {
        "POST " API "invocation/",
        lambda->request_id,
        "/error HTTP/1.1\r\nHost: runtime\r\nConnection: close\r\nContent-Type: "
        "application/vnd.aws.lambda.error+json\r\nLambda-Runtime-Function-Error-Type: ",
        type,
        "\r\nContent-Length: ",
        length,
        "\r\n\r\n",
        body};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        n = put(word, n, sizeof(word), lines[i]);
    lambda->transport->last_word(lambda->self, word, n);
}
