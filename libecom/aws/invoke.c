#include "aws/invoke.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/answer.h"
#include "aws/chain.h"
#include "aws/name.h"
#include "base/options.h"
#include "ecom/json.h"

enum {
    MAX_CONCURRENCY = 1024,
    MAX_TRIES = 10,
    MAX_TIMEOUT_MS = 1000000, /* AWS's own is 900 s */
    FIRST_WAIT_MS = 100,
    LONGEST_WAIT_MS = 5000,
    LONGEST_RETRY_AFTER_MS = 20000, /* who is asked to wait longer is told so instead */
    MAX_CORRELATION = 128,
    MAX_TRACEPARENT = 64,
    MAX_TEXT = 16 << 10, /* of a setting */
    ARENA_BYTES = 512 << 10,
    TRY_BYTES = 64 << 10
};

struct ecom_aws {
    ecom_aws_options opts;
    ecom_arena *arena; /* the settings' texts */
    ecom_str region;   /* empty: only what an ARN says */
    struct aws_endpoint endpoint;
    struct aws_chain *chain;
    const struct aws_transport *transport;
    void *self;
};

/* An invocation under way. */
struct
try {
    ecom_aws *aws;
    const ecom_aws_invocation *call;
    struct aws_function function;
    struct aws_endpoint endpoint;
    ecom_str region;
    ecom_buf path, context; /* the client context: JSON, then base64 */
    char query[512];
    int32_t timeout_ms;
};

static int nomem(ecom_error *err)
{
    return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
}

/* Every text of the options, copied. */
static int copy_texts(ecom_aws *aws, ecom_error *err)
{
    ecom_aws_options *o = &aws->opts;
    const char **texts[] = {
        &o->region,
        &o->endpoint,
        &o->ca_bundle,
        &o->access_key_id,
        &o->secret_access_key,
        &o->session_token,
        &o->profile,
        &o->config_file,
        &o->credentials_file,
        &o->container_token,
        &o->container_full_uri,
        &o->container_relative_uri,
        &o->metadata_endpoint,
        &o->container_token_file,
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = *texts[i];
        if (!text || !*text) {
            *texts[i] = NULL;
            continue;
        }
        if (strnlen(text, MAX_TEXT + 1) > MAX_TEXT)
            return ecom_fail(err, ECOM_E_TOOLARGE, "a setting of more than %d bytes", MAX_TEXT);
        if (!(*texts[i] = ecom_arena_copy(aws->arena, ecom_str_of(text)).p))
            return nomem(err);
    }
    return ECOM_OK;
}

static int check_numbers(const ecom_aws_options *o, ecom_error *err)
{
    const struct {
        const char *name;
        int64_t value, max;
    } numbers[] = {
        {"concurrency", o->concurrency, MAX_CONCURRENCY},
        {"max_tries", o->max_tries, MAX_TRIES},
        {"timeout_ms", o->timeout_ms, MAX_TIMEOUT_MS},
        {"connect_timeout_ms", o->connect_timeout_ms, MAX_TIMEOUT_MS},
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i].value < 0 || numbers[i].value > numbers[i].max)
            return ecom_fail_field(err, ECOM_E_INVAL, numbers[i].name, "must be 0 to %lld",
                                   (long long)numbers[i].max);
    return ECOM_OK;
}

static void set_defaults(ecom_aws_options *o)
{
    if (!o->env)
        o->env = ecom_env_system();
    if (!o->concurrency)
        o->concurrency = 16;
    if (!o->max_tries)
        o->max_tries = 3;
    if (!o->timeout_ms)
        o->timeout_ms = 60000;
    if (!o->connect_timeout_ms)
        o->connect_timeout_ms = 3000;
}

static int check_place(ecom_aws *aws, ecom_error *err)
{
    const char *region =
        aws->opts.region ? aws->opts.region : ecom__aws_chain_profile(aws->chain)->region;
    struct aws_endpoint metadata;

    aws->region = ecom_str_of(region);
    if (region && !ecom__aws_region_valid(aws->region))
        return ecom_fail_field(err, ECOM_E_INVAL, "region",
                               "must be letters, digits and hyphens, at most %d", AWS_MAX_REGION);
    if (aws->opts.metadata_endpoint &&
        ecom__aws_endpoint_parse(aws->opts.metadata_endpoint, &metadata, NULL) < 0)
        return ecom_fail_field(err, ECOM_E_INVAL, "metadata_endpoint",
                               "must be http:// and a host");
    return aws->opts.endpoint ? ecom__aws_endpoint_parse(aws->opts.endpoint, &aws->endpoint, err)
                              : ECOM_OK;
}

static int open_wire(ecom_aws *aws, ecom_error *err)
{
    const char *bundle = aws->opts.ca_bundle;

    if (!bundle)
        bundle = ecom__aws_chain_profile(aws->chain)->ca_bundle;
    if (aws->transport)
        return ECOM_OK;
    int r = ecom__aws_wire_new(aws->opts.concurrency, aws->opts.connect_timeout_ms, bundle,
                               &aws->self, err);
    if (r == ECOM_OK)
        aws->transport = &ecom__aws_wire;
    return r;
}

int ecom__aws_new(const ecom_aws_options *opts, const struct aws_transport *transport, void *self,
                  ecom_aws **out, ecom_error *err)
{
    ecom_aws *aws = calloc(1, sizeof(*aws));

    if (!aws)
        return nomem(err);
    ecom__options_copy(&aws->opts, sizeof(aws->opts), opts);
    aws->arena = ecom_arena_new(ARENA_BYTES);
    int r = aws->arena ? check_numbers(&aws->opts, err) : nomem(err);
    set_defaults(&aws->opts);
    if (r == ECOM_OK)
        r = copy_texts(aws, err);
    if (r == ECOM_OK)
        r = ecom__aws_chain_new(&aws->opts, &aws->chain, err);
    if (r == ECOM_OK)
        r = check_place(aws, err);
    if (r == ECOM_OK) {
        aws->transport = transport;
        aws->self = self;
        r = open_wire(aws, err);
    }
    if (r < 0) {
        aws->transport = NULL;
        ecom_aws_free(aws);
        return r;
    }
    *out = aws;
    return ECOM_OK;
}

int ecom_aws_new(const ecom_aws_options *opts, ecom_aws **out, ecom_error *err)
{
    return ecom__aws_new(opts, NULL, NULL, out, err);
}

void ecom_aws_stop(ecom_aws *aws)
{
    aws->transport->stop(aws->self);
}

void ecom_aws_free(ecom_aws *aws)
{
    if (!aws)
        return;
    if (aws->transport)
        aws->transport->close(aws->self);
    ecom__aws_chain_free(aws->chain);
    ecom_arena_free(aws->arena);
    free(aws);
}

static int check_call(const ecom_aws *aws, struct try *t, ecom_error *err)
{
    const ecom_aws_invocation *call = t->call;
    size_t max = call->mode == ECOM_AWS_EVENT ? ECOM_AWS_MAX_ASYNC_PAYLOAD : ECOM_AWS_MAX_PAYLOAD;
    int r = ecom__aws_function_parse(call->function, &t->function, err);

    if (r < 0)
        return r;
    if (call->mode < ECOM_AWS_REQUEST || call->mode > ECOM_AWS_DRY_RUN)
        return ecom_fail_field(err, ECOM_E_INVAL, "mode", "there is no mode %d", (int)call->mode);
    if (call->timeout_ms < 0 || call->timeout_ms > MAX_TIMEOUT_MS)
        return ecom_fail_field(err, ECOM_E_INVAL, "timeout_ms", "must be 0 to %d", MAX_TIMEOUT_MS);
    if (call->payload.n > max)
        return ecom_fail_field(err, ECOM_E_TOOLARGE, "payload", "%zu bytes are more than %zu",
                               call->payload.n, max);
    if (call->correlation_id.n > MAX_CORRELATION || call->traceparent.n > MAX_TRACEPARENT)
        return ecom_fail_field(err, ECOM_E_TOOLARGE, "correlation_id",
                               "or traceparent: more than %d or %d bytes", MAX_CORRELATION,
                               MAX_TRACEPARENT);
    t->timeout_ms = call->timeout_ms ? call->timeout_ms : aws->opts.timeout_ms;
    t->region = t->function.region.n ? t->function.region : aws->region;
    if (!t->region.n)
        return ecom_fail_field(err, ECOM_E_INVAL, "region",
                               "is not set, and the function's name has none");
    return ECOM_OK;
}

static int append_member(ecom_buf *out, const char *before, const char *name, ecom_str value)
{
    int r = ecom_buf_printf(out, "%s\"%s\":", before, name);

    return r < 0 ? r : ecom_json_write_str(out, value);
}

/* {"custom":{...}}, as AWS's mobile clients began it; runtimes hand it to the function. */
static int make_context(struct try *t)
{
    const ecom_aws_invocation *call = t->call;
    ecom_buf json = {0};
    int r = ecom_buf_append(&json, ecom_str_of("{\"custom\":{"));

    if (!call->correlation_id.n && !call->traceparent.n) {
        ecom_buf_free(&json);
        return ECOM_OK;
    }
    if (r == ECOM_OK && call->correlation_id.n)
        r = append_member(&json, "", "x-correlation-id", call->correlation_id);
    if (r == ECOM_OK && call->traceparent.n)
        r = append_member(&json, call->correlation_id.n ? "," : "", "traceparent",
                          call->traceparent);
    if (r == ECOM_OK)
        r = ecom_buf_append(&json, ecom_str_of("}}"));
    size_t n = sodium_base64_ENCODED_LEN(json.n, sodium_base64_VARIANT_ORIGINAL);
    if (r == ECOM_OK && (r = ecom_buf_reserve(&t->context, n)) == ECOM_OK) {
        sodium_bin2base64(t->context.p, n, (const unsigned char *)json.p, json.n,
                          sodium_base64_VARIANT_ORIGINAL);
        t->context.n = n - 1;
    }
    ecom_buf_free(&json);
    return r;
}

static int make_request(struct try *t, ecom_error *err)
{
    ecom_buf query = {0};
    int r = ecom_buf_append(&t->path, ecom_str_of("/2015-03-31/functions/"));

    if (r == ECOM_OK)
        r = ecom__aws_encode(&t->path, t->function.name);
    if (r == ECOM_OK)
        r = ecom_buf_append(&t->path, ecom_str_of("/invocations"));
    if (r == ECOM_OK && t->function.qualifier.n) {
        r = ecom_buf_append(&query, ecom_str_of("Qualifier="));
        if (r == ECOM_OK)
            r = ecom__aws_encode(&query, t->function.qualifier);
    }
    snprintf(t->query, sizeof(t->query), "%s", query.n ? query.p : "");
    ecom_buf_free(&query);
    if (r == ECOM_OK)
        r = make_context(t);
    if (t->aws->opts.endpoint)
        t->endpoint = t->aws->endpoint;
    else
        ecom__aws_endpoint_of(t->region, &t->endpoint);
    t->endpoint.host = strstr(t->endpoint.base, "://") + 3;
    return r < 0 ? nomem(err) : ECOM_OK;
}

static void add(ecom_header *headers, size_t *n, const char *name, ecom_str value)
{
    headers[(*n)++] = (ecom_header){ecom_str_of(name), value};
}

/* All that is signed, by name. */
static size_t list_headers(const struct try *t, const struct aws_credentials *who, const char *time,
                           ecom_header *headers)
{
    static const char *const modes[] = {"RequestResponse", "Event", "DryRun"};
    const ecom_aws_invocation *call = t->call;
    size_t n = 0;

    add(headers, &n, "content-type", ecom_str_of("application/json"));
    add(headers, &n, "host", ecom_str_of(t->endpoint.host));
    if (t->context.n)
        add(headers, &n, "x-amz-client-context", ecom_buf_str(&t->context));
    add(headers, &n, "x-amz-date", ecom_str_of(time));
    add(headers, &n, "x-amz-invocation-type", ecom_str_of(modes[call->mode]));
    if (call->log_tail && call->mode == ECOM_AWS_REQUEST)
        add(headers, &n, "x-amz-log-type", ecom_str_of("Tail"));
    if (who->token.n)
        add(headers, &n, "x-amz-security-token", who->token);
    return n;
}

/* One request and its response. */
static int send_once(struct try *t, const struct aws_credentials *who,
                     struct aws_response *response, ecom_error *err)
{
    ecom_header headers[AWS_MAX_HEADERS];
    struct aws_signing signing = {
        .method = "POST",
        .path = t->path.p,
        .query = t->query,
        .headers = headers,
        .body = t->call->payload,
        .region = t->region,
        .service = "lambda",
    };
    ecom_buf signature = {0}, url = {0}, agent = {0};

    ecom__aws_time(ecom_env_now_ms(t->aws->opts.env), signing.time);
    signing.nheaders = list_headers(t, who, signing.time, headers);
    size_t n = signing.nheaders;
    int r = ecom__aws_sign(&signing, who, &signature);
    if (r == ECOM_OK)
        r = ecom_buf_printf(&agent, "libecom/%s", ecom_version());
    if (r == ECOM_OK)
        r = ecom_buf_printf(&url, "%s%s%s%s", t->endpoint.base, t->path.p, *t->query ? "?" : "",
                            t->query);
    add(headers, &n, "authorization", ecom_buf_str(&signature));
    add(headers, &n, "user-agent", ecom_buf_str(&agent));
    const struct aws_request request = {
        .method = "POST",
        .url = url.p,
        .headers = headers,
        .nheaders = n,
        .body = t->call->payload,
        .timeout_ms = t->timeout_ms,
        .max_bytes = ECOM_AWS_MAX_PAYLOAD,
    };
    r = r < 0 ? nomem(err) : t->aws->transport->call(t->aws->self, &request, response, err);
    ecom_buf_free(&signature);
    ecom_buf_free(&agent);
    ecom_buf_free(&url);
    return r;
}

/* Credentials, a request, and what its response means. @return as the verdict's code. */
static int try_once(struct try *t, ecom_arena *arena, ecom_aws_answer *out,
                    struct aws_verdict *verdict, ecom_error *err)
{
    ecom_arena *scratch = ecom_arena_new(TRY_BYTES);
    struct aws_response response = {0};
    struct aws_credentials who;

    *verdict = (struct aws_verdict){0};
    int r = scratch ? ecom__aws_chain_get(t->aws->chain, t->aws->transport, t->aws->self, scratch,
                                          &who, err)
                    : nomem(err);
    if (r == ECOM_OK) {
        r = send_once(t, &who, &response, err);
        verdict->again = r == ECOM_E_TIMEOUT || r == ECOM_E_UNAVAILABLE;
        if (r == ECOM_OK)
            r = ecom__aws_answer_read(&response, t->call->mode, arena, out, verdict, err);
        if (verdict->spoilt)
            ecom__aws_chain_spoil(t->aws->chain, who.key_id);
    }
    verdict->code = r;
    ecom__aws_response_clear(&response);
    ecom_arena_free(scratch);
    return r;
}

/* Between a half and the whole of a time that doubles, or what AWS asks for, and a bit. */
static int32_t back_off(const ecom_aws *aws, uint32_t tries, int32_t asked_ms)
{
    uint64_t ms = (uint64_t)FIRST_WAIT_MS << (tries < 10 ? tries : 10);

    if (ms > LONGEST_WAIT_MS)
        ms = LONGEST_WAIT_MS;
    ms = ms / 2 + ecom_env_random_below(aws->opts.env, ms / 2 + 1);
    return asked_ms + (int32_t)ms;
}

static void log_retry(const ecom_aws *aws, const struct try *t, int32_t wait_ms,
                      const ecom_error *why)
{
    const ecom_log_field fields[] = {
        {"function", ecom_str_of(t->call->function), 0},
        {"reason", ecom_str_of(why->text), 0},
        {"wait_ms", {NULL, 0}, wait_ms},
    };
    const ecom_log log = ecom_log_with(aws->opts.log, t->call->correlation_id);

    ecom_log_write(&log, ECOM_LOG_DEBUG, "invocation will be tried again", fields, 3);
}

static int invoke(struct try *t, ecom_arena *arena, ecom_aws_answer *out, ecom_error *err)
{
    struct aws_verdict verdict;
    ecom_error why = {0};
    int r = ECOM_OK, spoilt = 0;

    for (uint32_t i = 0; i < t->aws->opts.max_tries; i++) {
        r = try_once(t, arena, out, &verdict, &why);
        if (r == ECOM_OK || r == ECOM_E_BACKEND)
            out->tries = (int32_t)i + 1;
        if (verdict.spoilt && !spoilt++)
            continue; /* with others, at once */
        if (!verdict.again || i + 1 == t->aws->opts.max_tries ||
            verdict.wait_ms > LONGEST_RETRY_AFTER_MS)
            break;
        int32_t wait_ms = back_off(t->aws, i, verdict.wait_ms);
        log_retry(t->aws, t, wait_ms, &why);
        t->aws->transport->wait(t->aws->self, wait_ms);
    }
    if (r < 0 && err)
        *err = why;
    return r;
}

int ecom_aws_invoke(ecom_aws *aws, const ecom_aws_invocation *call, ecom_arena *arena,
                    ecom_aws_answer *out, ecom_error *err)
{
    ecom_aws_invocation given;
    struct try t = {.aws = aws, .call = &given};

    ecom__options_copy(&given, sizeof(given), call);
    int r = check_call(aws, &t, err);
    if (r == ECOM_OK)
        r = make_request(&t, err);
    if (r == ECOM_OK)
        r = invoke(&t, arena, out, err);
    ecom_buf_free(&t.path);
    ecom_buf_free(&t.context);
    return r;
}
