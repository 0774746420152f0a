#include "remote.h"

#include "aws_library.h"
#include "blame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_WAIT_MS = 30000 };

struct remote {
    const struct daemon *daemon;
    struct aws_library library;
    ecom_aws *aws;
    const char *function;
    int async;
};

/* What the calling thread is handling, and what the function said of it: the tables' functions get
 * less than the whole event, and who asks them tries without end whatever they return. */
static _Thread_local struct {
    const ecom_delivery *delivery;
    ecom_error why; /* its code is 0: nothing was said */
} current;

int remote_open(const struct daemon *daemon, ecom_str function, struct remote **out,
                ecom_error *err)
{
    ecom_aws_options opts;
    struct remote *remote = calloc(1, sizeof(*remote));

    if (!remote || settings_aws(&daemon->settings, daemon->arena, &opts) < 0) {
        free(remote);
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    }
    opts.env = daemon->env;
    opts.log = daemon->log;
    remote->daemon = daemon;
    remote->function = function.p;
    remote->async = daemon->settings.lambda_type == LAMBDA_EVENT;
    int r = aws_library_load(&remote->library, err);
    if (r == ECOM_OK)
        r = remote->library.new_client(&opts, &remote->aws, err);
    if (r < 0) {
        free(remote);
        return r;
    }
    *out = remote;
    return ECOM_OK;
}

void remote_stop(struct remote *remote)
{
    if (remote)
        remote->library.stop(remote->aws);
}

void remote_close(struct remote *remote)
{
    if (remote)
        remote->library.free_client(remote->aws);
    free(remote);
}

int remote_is_async(const struct remote *remote)
{
    return remote->async;
}

/* The event as it came; with its correlation id, if that only came beside it. */
static int payload_of(const ecom_delivery *delivery, ecom_buf *out, ecom_error *err)
{
    const ecom_str body = delivery->msg->body;
    const ecom_str id = ((const ecom_envelope *)delivery->event)->correlation_id;
    const char *brace = memchr(body.p, '{', body.n);
    const ecom_json *json;
    int r = ecom_json_parse(body, NULL, delivery->arena, &json, err);

    if (r < 0)
        return r;
    if (id.n && brace && !ecom_json_get(json, "correlationId")) {
        r = ecom_buf_append(out, ecom_str_of("{\"correlationId\":"));
        if (r == ECOM_OK)
            r = ecom_json_write_str(out, id);
        if (r == ECOM_OK)
            r = ecom_buf_append(out, ecom_str_of(","));
        if (r == ECOM_OK)
            r = ecom_buf_append(out, (ecom_str){brace + 1, (size_t)(body.p + body.n - brace - 1)});
    } else {
        r = ecom_buf_append(out, body);
    }
    return r < 0 ? ecom_fail(err, ECOM_E_NOMEM, "out of memory") : ECOM_OK;
}

/* What ails a function as a whole should be over before an event is given up: tries come later and
 * later, and not all at once. */
static int32_t patience_ms(const struct remote *remote, uint32_t attempt)
{
    int64_t ms = remote->daemon->settings.lambda_retry_ms << (attempt < 16 ? attempt - 1 : 15);

    if (ms > LONGEST_WAIT_MS)
        ms = LONGEST_WAIT_MS;
    return (int32_t)(ms -
                     (int64_t)ecom_env_random_below(remote->daemon->env, (uint64_t)ms / 2 + 1));
}

/* What keeps a function from running (a network that is away, throttling, a name or rights that are
 * wrong) is not this event's fault: it is waited for. A function that ran says itself. */
static int blame(const struct remote *remote, const ecom_delivery *delivery,
                 const ecom_aws_answer *answer, const ecom_error *why, ecom_error *err)
{
    int r = why->code == ECOM_E_BACKEND                                 ? blame_of(answer)
            : why->code == ECOM_E_TOOLARGE || why->code == ECOM_E_NOMEM ? why->code
                                                                        : ECOM_E_UNAVAILABLE;

    ecom_fail(err, r, "%s", why->text);
    if (err) {
        err->native = why->native;
        err->retry_after_ms =
            r == FUNCTION_FAILED ? patience_ms(remote, delivery->attempt) : why->retry_after_ms;
    }
    return r;
}

/* Beside an event there is room for so many bytes. A longer one is text that no header could have,
 * and so in the event itself; or it is worth no failure. */
static ecom_str at_most(size_t max, ecom_str s)
{
    return s.n <= max ? s : (ecom_str){NULL, 0};
}

static int invoke(struct remote *remote, const ecom_delivery *delivery, ecom_aws_answer *answer,
                  ecom_error *err)
{
    const ecom_envelope *envelope = delivery->event;
    ecom_buf payload = {0};
    ecom_error why = {0};
    int r = payload_of(delivery, &payload, err);

    if (r == ECOM_OK) {
        const ecom_aws_invocation call = {
            .size = sizeof(call),
            .function = remote->function,
            .payload = ecom_buf_str(&payload),
            .mode = remote->async ? ECOM_AWS_EVENT : ECOM_AWS_REQUEST,
            .correlation_id = at_most(128, envelope->correlation_id),
            .traceparent = at_most(64, envelope->traceparent),
        };
        r = remote->library.invoke(remote->aws, &call, delivery->arena, answer, &why);
        if (r < 0)
            r = blame(remote, delivery, answer, &why, err);
    }
    ecom_buf_free(&payload);
    return r;
}

/* While the daemon starts, its handlers hold that up, which a slow function must not. */
static int may_invoke(const struct remote *remote, ecom_error *err)
{
    return remote->daemon->started ? ECOM_OK
                                   : ecom_fail(err, ECOM_E_UNAVAILABLE, "the worker is starting");
}

int remote_hand_over(struct remote *remote, const ecom_delivery *delivery, ecom_error *err)
{
    ecom_aws_answer answer;
    int r = may_invoke(remote, err);

    return r < 0 ? r : invoke(remote, delivery, &answer, err);
}

int remote_handle(struct remote *remote, ecom_handler handler, void *user,
                  const ecom_delivery *delivery, ecom_error *err)
{
    int r = may_invoke(remote, err);

    if (r < 0)
        return r;
    current.delivery = delivery;
    current.why.code = ECOM_OK;
    r = handler(user, delivery, err);
    if (r < 0 && current.why.code < 0) {
        r = current.why.code;
        if (err)
            *err = current.why;
    }
    return r;
}

/* For remote_handle(). */
static int keep(const ecom_error *why, ecom_error *err)
{
    current.why = *why;
    return ecom_fail(err, ECOM_E_BACKEND, "%s", why->text);
}

/* What is returned is not the event that was to be. */
static int not_told(const struct remote *remote, const char *what, ecom_error *err)
{
    ecom_fail(err, FUNCTION_FAILED, "the function's result: %s", what);
    err->retry_after_ms = patience_ms(remote, current.delivery->attempt);
    return FUNCTION_FAILED;
}

/* The end of the payment, as the function's result has it: the event that it would publish. */
static int read_result(const struct remote *remote, ecom_str payload, const ecom_charge *charge,
                       ecom_charge_result *out, ecom_error *err)
{
    static const ecom_contract *const ends[] = {&ecom_payment_completed_contract,
                                                &ecom_payment_failed_contract, NULL};
    const ecom_msg msg = {.body = payload};
    const ecom_contract *contract;
    ecom_error why = {0};
    void *event;
    int r = ecom_event_decode(ends, &msg, current.delivery->arena, &contract, &event, &why);

    if (r == ECOM_E_NOMEM)
        return ecom_fail(err, r, "out of memory");
    if (r < 0)
        return not_told(remote, why.text, err);
    /* The two begin alike. */
    const ecom_payment_completed *paid = event;
    if (!ecom_str_eq(paid->order_id, charge->order_id) || paid->amount != charge->amount ||
        !ecom_str_eq(paid->currency, charge->currency))
        return not_told(remote, "it is of another order, amount or currency", err);
    out->approved = contract == &ecom_payment_completed_contract;
    snprintf(out->reference, sizeof(out->reference), "%.*s", (int)paid->payment_id.n,
             paid->payment_id.p);
    if (!out->approved) {
        const ecom_payment_failed *failed = event;
        snprintf(out->reason, sizeof(out->reason), "%.*s", (int)failed->reason.n, failed->reason.p);
    }
    return ECOM_OK;
}

static int remote_charge(void *self, const ecom_charge *charge, ecom_charge_result *out,
                         ecom_error *err)
{
    ecom_aws_answer answer;
    ecom_error why = {0};
    int r = invoke(self, current.delivery, &answer, &why);

    if (r == ECOM_OK)
        r = read_result(self, answer.payload, charge, out, &why);
    return r < 0 ? keep(&why, err) : ECOM_OK;
}

static int remote_send(void *self, const ecom_notification *notification, ecom_error *err)
{
    ecom_error why = {0};

    (void)notification;
    return remote_hand_over(self, current.delivery, &why) < 0 ? keep(&why, err) : ECOM_OK;
}

const ecom_payment_provider remote_provider = {
    .size = sizeof(ecom_payment_provider),
    .name = "lambda",
    .charge = remote_charge,
};

const ecom_notification_channel remote_channel = {
    .size = sizeof(ecom_notification_channel),
    .name = "lambda",
    .send = remote_send,
};
