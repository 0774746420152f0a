#include "aws/answer.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "ecom/json.h"

enum { MAX_LOG_TAIL = 16 << 10, MAX_RETRY_AFTER_S = 3600 };

static int nomem(ecom_error *err)
{
    return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
}

static ecom_str header(const struct aws_response *response, const char *name)
{
    return ecom__aws_response_header(response, name);
}

/* Delay seconds, as AWS sends them; a date is not looked at. */
static int32_t retry_after_ms(const struct aws_response *response)
{
    ecom_str text = header(response, "Retry-After");
    int32_t s = 0;

    if (!text.n || text.n > 6)
        return 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return 0;
        s = s * 10 + (text.p[i] - '0');
    }
    return (s < MAX_RETRY_AFTER_S ? s : MAX_RETRY_AFTER_S) * 1000;
}

static int32_t status_code(int status)
{
    switch (status) {
    case 400:
    case 415:
        return ECOM_E_INVAL;
    case 401:
    case 403:
        return ECOM_E_FORBIDDEN;
    case 404:
        return ECOM_E_NOTFOUND;
    case 409:
        return ECOM_E_CONFLICT;
    case 413:
        return ECOM_E_TOOLARGE;
    case 429:
        return ECOM_E_RATE;
    case 504:
        return ECOM_E_TIMEOUT;
    default:
        return ECOM_E_UNAVAILABLE;
    }
}

/* A member of a JSON object that is a string; p NULL: none. */
static ecom_str text_of(const ecom_json *object, const char *name)
{
    const ecom_json *value = ecom_json_get(object, name);

    return value && value->kind == ECOM_JSON_STRING ? value->text : (ecom_str){NULL, 0};
}

static const ecom_json *parse(ecom_str body, ecom_arena *arena)
{
    const ecom_json_limits limits = {.size = sizeof(limits), .max_bytes = ECOM_AWS_MAX_PAYLOAD};
    const ecom_json *json = NULL;

    return ecom_json_parse(body, &limits, arena, &json, NULL) == ECOM_OK ? json : NULL;
}

/* "ResourceNotFoundException", without the address that may stand behind it. */
static ecom_str error_type(const struct aws_response *response, const ecom_json *json)
{
    ecom_str type = header(response, "x-amzn-ErrorType");

    if (!type.n)
        type = text_of(json, "__type");
    for (size_t i = 0; i < type.n; i++)
        if (type.p[i] == ':')
            type.n = i;
    return type;
}

static int is_spoilt(ecom_str type)
{
    return ecom_str_eq(type, ecom_str_of("ExpiredTokenException")) ||
           ecom_str_eq(type, ecom_str_of("UnrecognizedClientException"));
}

/* The first line says it; those below a wrong signature repeat what was signed. */
static int refuse(const struct aws_response *response, ecom_arena *arena,
                  struct aws_verdict *verdict, ecom_error *err)
{
    const ecom_json *json = parse(ecom_buf_str(&response->body), arena);
    ecom_str type = error_type(response, json), text = text_of(json, "message");
    int status = response->status;

    if (!text.n)
        text = text_of(json, "Message");
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\n')
            text.n = i;
    verdict->code = status_code(status);
    verdict->again = status == 429 || (status >= 500 && status <= 504 && status != 501);
    verdict->spoilt = verdict->code == ECOM_E_FORBIDDEN && is_spoilt(type);
    verdict->wait_ms = verdict->again ? retry_after_ms(response) : 0;
    ecom_fail(err, verdict->code, "AWS Lambda: %d %.*s%s%.*s", status, (int)type.n,
              type.p ? type.p : "", text.n ? ": " : "", (int)text.n, text.p ? text.p : "");
    if (err) {
        err->native = status;
        err->retry_after_ms = verdict->wait_ms;
    }
    return verdict->code;
}

static int read_log_tail(ecom_str base64, ecom_arena *arena, ecom_str *out, ecom_error *err)
{
    size_t n = 0;
    char *bytes;

    *out = (ecom_str){NULL, 0};
    if (!base64.n || base64.n > MAX_LOG_TAIL)
        return ECOM_OK;
    if (!(bytes = ecom_arena_alloc(arena, base64.n)))
        return nomem(err);
    if (sodium_base642bin((unsigned char *)bytes, base64.n, base64.p, base64.n, NULL, &n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0)
        *out = (ecom_str){bytes, n};
    return ECOM_OK;
}

static int keep(ecom_str in, ecom_arena *arena, ecom_str *out, ecom_error *err)
{
    *out = in.n ? ecom_arena_copy(arena, in) : (ecom_str){NULL, 0};
    return in.n && !out->p ? nomem(err) : ECOM_OK;
}

static int keep_all(const struct aws_response *response, ecom_arena *arena, ecom_aws_answer *out,
                    ecom_error *err)
{
    int r = keep(ecom_buf_str(&response->body), arena, &out->payload, err);

    if (r == ECOM_OK)
        r = keep(header(response, "X-Amz-Function-Error"), arena, &out->function_error, err);
    if (r == ECOM_OK)
        r = keep(header(response, "x-amzn-RequestId"), arena, &out->request_id, err);
    if (r == ECOM_OK)
        r = keep(header(response, "X-Amz-Executed-Version"), arena, &out->version, err);
    return r == ECOM_OK
               ? read_log_tail(header(response, "X-Amz-Log-Result"), arena, &out->log_tail, err)
               : r;
}

/* It ran, and failed. What went wrong is whatever the function says, in any shape. */
static int report(ecom_aws_answer *out, ecom_arena *arena, ecom_error *err)
{
    const ecom_json *json = parse(out->payload, arena);
    ecom_str type, text;

    out->error_type = type = text_of(json, "errorType");
    out->error_message = text = text_of(json, "errorMessage");
    return ecom_fail(err, ECOM_E_BACKEND, "the function failed (%.*s): %.*s%s%.*s",
                     (int)out->function_error.n, out->function_error.p, (int)type.n,
                     type.p ? type.p : "", type.n && text.n ? ": " : "", (int)text.n,
                     text.p ? text.p : "");
}

int ecom__aws_answer_read(const struct aws_response *response, int mode, ecom_arena *arena,
                          ecom_aws_answer *out, struct aws_verdict *verdict, ecom_error *err)
{
    static const int32_t success[] = {
        [ECOM_AWS_REQUEST] = 200, [ECOM_AWS_EVENT] = 202, [ECOM_AWS_DRY_RUN] = 204};
    ecom_aws_answer answer = {.status = response->status};
    int r;

    *verdict = (struct aws_verdict){0};
    if (response->status != success[mode])
        return refuse(response, arena, verdict, err);
    if ((r = keep_all(response, arena, &answer, err)) == ECOM_OK && answer.function_error.n)
        r = report(&answer, arena, err);
    verdict->code = r;
    if (r == ECOM_OK || r == ECOM_E_BACKEND)
        *out = answer;
    return r;
}
