#include "http/response.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "http/server.h"

enum { JOINED_BYTES = 1024 }; /* a body no longer than this stands behind its head: one piece */

/* The code is what a problem says that has none of its own. */
static const struct {
    int32_t status;
    const char *reason;
    int32_t code;
} reasons[] = {
    {101, "Switching Protocols", ECOM_OK},
    {200, "OK", ECOM_OK},
    {201, "Created", ECOM_OK},
    {202, "Accepted", ECOM_OK},
    {204, "No Content", ECOM_OK},
    {301, "Moved Permanently", ECOM_OK},
    {302, "Found", ECOM_OK},
    {303, "See Other", ECOM_OK},
    {304, "Not Modified", ECOM_OK},
    {307, "Temporary Redirect", ECOM_OK},
    {308, "Permanent Redirect", ECOM_OK},
    {400, "Bad Request", ECOM_E_INVAL},
    {401, "Unauthorized", ECOM_E_UNAUTHENTICATED},
    {403, "Forbidden", ECOM_E_FORBIDDEN},
    {404, "Not Found", ECOM_E_NOTFOUND},
    {405, "Method Not Allowed", ECOM_E_NOTSUP},
    {406, "Not Acceptable", ECOM_E_NOTSUP},
    {408, "Request Timeout", ECOM_E_TIMEOUT},
    {409, "Conflict", ECOM_E_CONFLICT},
    {410, "Gone", ECOM_E_NOTFOUND},
    {412, "Precondition Failed", ECOM_E_CONFLICT},
    {413, "Content Too Large", ECOM_E_TOOLARGE},
    {414, "URI Too Long", ECOM_E_TOOLARGE},
    {415, "Unsupported Media Type", ECOM_E_NOTSUP},
    {417, "Expectation Failed", ECOM_E_NOTSUP},
    {422, "Unprocessable Content", ECOM_E_UNPROCESSABLE},
    {426, "Upgrade Required", ECOM_E_NOTSUP},
    {429, "Too Many Requests", ECOM_E_RATE},
    {431, "Request Header Fields Too Large", ECOM_E_TOOLARGE},
    {500, "Internal Server Error", ECOM_E_BACKEND},
    {501, "Not Implemented", ECOM_E_NOTSUP},
    {502, "Bad Gateway", ECOM_E_UNAVAILABLE},
    {503, "Service Unavailable", ECOM_E_UNAVAILABLE},
    {504, "Gateway Timeout", ECOM_E_TIMEOUT},
    {505, "HTTP Version Not Supported", ECOM_E_NOTSUP},
    {507, "Insufficient Storage", ECOM_E_FULL},
};
_Static_assert(sizeof(reasons) / sizeof(reasons[0]) == RESPONSE_REASONS, "response.h counts them");

int ecom__http_reason_index(int32_t status)
{
    for (int i = 0; i < RESPONSE_REASONS; i++)
        if (reasons[i].status == status)
            return i;
    return -1;
}

static const char *reason_of(int32_t status)
{
    int i = ecom__http_reason_index(status);

    return i < 0 ? "Status" : reasons[i].reason;
}

/* IMF-fixdate (RFC 9110 5.6.7), made once a second and thread. */
static ecom_str date_now(const ecom_env *env)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static _Thread_local char text[64];
    static _Thread_local time_t at;
    time_t now = (time_t)(env->now_us(env->self) / 1000000);
    struct tm t;

    if ((now != at || !text[0]) && gmtime_r(&now, &t)) {
        snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday],
                 t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
        at = now;
    }
    return ecom_str_of(text);
}

/* Names that are ours to write, or that would break the framing. */
static int is_reserved(ecom_str name)
{
    static const char *const names[] = {"Connection", "Content-Length", "Date",
                                        "Keep-Alive", "Trailer",        "Transfer-Encoding"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (ecom__same(name, ecom_str_of(names[i])))
            return 1;
    return 0;
}

int ecom_exchange_add_header(ecom_exchange *x, const char *name, ecom_str value)
{
    ecom_str n = ecom_str_of(name);

    if (!ecom__http_is_token(n) || is_reserved(n) || !ecom__http_is_text(value))
        return ECOM_E_INVAL;
    if (ecom_buf_reserve(&x->fields, n.n + value.n + 4) < 0 || ecom_buf_append(&x->fields, n) < 0 ||
        ecom_buf_append(&x->fields, LIT(": ")) < 0 || ecom_buf_append(&x->fields, value) < 0 ||
        ecom_buf_append(&x->fields, LIT("\r\n")) < 0)
        return ECOM_E_NOMEM;
    x->typed |= ecom__same(n, LIT("Content-Type"));
    return ECOM_OK;
}

static void put(ecom_buf *to, ecom_str s)
{
    if (s.n)
        memcpy(to->p + to->n, s.p, s.n);
    to->n += s.n;
}

static void put_number(ecom_buf *to, size_t n)
{
    char digits[20];
    size_t i = sizeof(digits);

    do
        digits[--i] = (char)('0' + n % 10);
    while (n /= 10);
    put(to, (ecom_str){digits + i, sizeof(digits) - i});
}

static void put_status(ecom_buf *to, int32_t status)
{
    put(to, LIT("HTTP/1.1 "));
    put_number(to, (size_t)status);
    put(to, LIT(" "));
    put(to, ecom_str_of(reason_of(status)));
    put(to, LIT("\r\nDate: "));
}

/* No body, and no length of one (RFC 9110 8.6). */
static int is_bare(int32_t status)
{
    return status == 101 || status == 204 || status == 304;
}

static void put_head(struct ecom_exchange *x, ecom_buf *to)
{
    put_status(to, x->status);
    put(to, date_now(x->server->opts.env));
    put(to, LIT("\r\n"));
    if (x->goes_on && !is_bare(x->status)) {
        if (x->chunked)
            put(to, LIT("Transfer-Encoding: chunked\r\n"));
        if (!x->typed)
            put(to, LIT("Content-Type: text/event-stream\r\n"));
    } else if (!is_bare(x->status)) {
        put(to, LIT("Content-Length: "));
        put_number(to, x->out.n);
        put(to, LIT("\r\n"));
        if (x->out.n && !x->typed)
            put(to, LIT("Content-Type: application/json\r\n"));
    }
    put(to, LIT("X-Correlation-Id: "));
    put(to, x->log.correlation_id);
    put(to, LIT("\r\n"));
    put(to, ecom_buf_str(&x->fields));
    if (x->status == 101 || x->status == 426)
        put(to, LIT("Connection: Upgrade\r\n"));
    if (x->close && x->status != 101)
        put(to, LIT("Connection: close\r\n"));
    else if (x->head.minor == 0)
        put(to, LIT("Connection: keep-alive\r\n"));
    put(to, LIT("\r\n"));
}

/* What the handler wrote before it let the response go on. */
static int put_first_part(const struct ecom_exchange *x, ecom_buf *to)
{
    if (is_bare(x->status) || x->out.n == 0)
        return ECOM_OK;
    if (!x->chunked)
        return ecom_buf_append(to, ecom_buf_str(&x->out));
    int r = ecom_buf_printf(to, "%zx\r\n", x->out.n);
    if (r == ECOM_OK)
        r = ecom_buf_append(to, ecom_buf_str(&x->out));
    return r < 0 ? r : ecom_buf_append(to, LIT("\r\n"));
}

void ecom__http_response_finish(struct ecom_exchange *x)
{
    if ((x->status < 200 && !(x->goes_on && x->status == 101)) || x->status > 599) /* a mistake */
        ecom__http_problem(x, 500, &(ecom_error){.code = ECOM_E_BACKEND});
    if (atomic_load_explicit(&x->server->stage, memory_order_relaxed) != SERVING)
        x->close = 1;
    int bodiless = x->goes_on || is_bare(x->status) || ecom_str_eq(x->head.method, LIT("HEAD"));
    x->content = bodiless ? 0 : x->out.n;
    int joined = x->content <= JOINED_BYTES;
    x->answer.n = 0;
    if (ecom_buf_reserve(&x->answer, 512 + x->fields.n + (joined ? x->content : 0)) < 0) {
        x->close = 1;
        x->goes_on = 0;
        x->content = 0;
        x->sent[0] = LIT("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                         "Retry-After: 1\r\nConnection: close\r\n\r\n");
        x->sent[1] = (ecom_str){NULL, 0};
        return;
    }
    put_head(x, &x->answer);
    if (x->goes_on && put_first_part(x, &x->answer) < 0)
        x->goes_on = 0, x->close = 1; /* the head promises what does not come */
    const ecom_str body = {x->out.p, x->content}, none = {NULL, 0};
    if (joined)
        put(&x->answer, body);
    x->sent[0] = ecom_buf_str(&x->answer);
    x->sent[1] = joined ? none : body;
}

static int put_member(ecom_buf *out, const char *name, ecom_str value)
{
    if (value.n == 0)
        return ECOM_OK;
    int r = ecom_buf_printf(out, ",\"%s\":", name);
    return r < 0 ? r : ecom_json_write_str(out, value);
}

static int code_of(int32_t status, const ecom_error *err)
{
    int i = ecom__http_reason_index(status);

    return err->code || i < 0 ? err->code : reasons[i].code;
}

/* A title of `about:blank` is the status' own phrase (RFC 9457 4.2.1). */
static int write_problem(struct ecom_exchange *x, const ecom_error *err)
{
    ecom_buf *out = &x->out;
    int r = ecom_buf_printf(out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d",
                            reason_of(x->status), (int)x->status);

    if (r == ECOM_OK)
        r = put_member(out, "detail", ecom_str_of(err->text));
    if (r == ECOM_OK)
        r = put_member(out, "field", ecom_str_of(err->field));
    if (r == ECOM_OK)
        r = put_member(out, "code", ecom_str_of(ecom_code_of(code_of(x->status, err))->name));
    if (r == ECOM_OK)
        r = put_member(out, "correlationId", x->log.correlation_id);
    return r < 0 ? r : ecom_buf_append(out, LIT("}"));
}

static int add_retry_after(struct ecom_exchange *x, int32_t ms)
{
    char seconds[16];

    snprintf(seconds, sizeof(seconds), "%d", ms > 0 ? (int)((ms + INT64_C(999)) / 1000) : 1);
    return ecom_exchange_add_header(x, "Retry-After", ecom_str_of(seconds));
}

static int add_allow(struct ecom_exchange *x)
{
    ecom_buf allow = {0};
    int r = ecom__http_router_allow(&x->server->router, &x->target, &allow);

    if (r == ECOM_OK)
        r = ecom_exchange_add_header(x, "Allow", ecom_buf_str(&allow));
    ecom_buf_free(&allow);
    return r;
}

/* RFC 6750 3: an error is told to who sent a token only. */
static int add_challenge(struct ecom_exchange *x)
{
    ecom_buf challenge = {0};
    int r = ecom_buf_append(&challenge, LIT("Bearer realm=\""));

    for (const char *p = x->server->opts.name; *p && r == ECOM_OK; p++)
        r = ecom_buf_printf(&challenge, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
    if (r == ECOM_OK)
        r = ecom_buf_append(&challenge,
                            x->bad_token ? LIT("\", error=\"invalid_token\"") : LIT("\""));
    if (r == ECOM_OK)
        r = ecom_exchange_add_header(x, "WWW-Authenticate", ecom_buf_str(&challenge));
    ecom_buf_free(&challenge);
    return r;
}

/* What a status asks for beside itself. */
static int add_headers(struct ecom_exchange *x, const ecom_error *err)
{
    switch (x->status) {
    case 401:
        return add_challenge(x);
    case 405:
        return add_allow(x);
    case 426:
        return ecom_exchange_add_header(x, "Upgrade", LIT("websocket")) < 0
                   ? ECOM_E_NOMEM
                   : ecom_exchange_add_header(x, "Sec-WebSocket-Version", LIT("13"));
    case 429:
    case 503:
        return add_retry_after(x, err->retry_after_ms);
    default:
        return ECOM_OK;
    }
}

void ecom__http_problem(struct ecom_exchange *x, int32_t status, const ecom_error *err)
{
    x->status = status;
    x->fields.n = x->out.n = 0;
    x->typed = 0;
    if (ecom_exchange_add_header(x, "Content-Type", LIT("application/problem+json")) < 0 ||
        add_headers(x, err) < 0 || write_problem(x, err) < 0)
        x->fields.n = x->out.n = 0; /* out of memory: the status says enough */
}

void ecom__http_options_answer(struct ecom_exchange *x)
{
    x->status = 204;
    if (add_allow(x) < 0)
        x->fields.n = 0;
}
