/* `ecom lambda serve`: the Invoke endpoint of AWS Lambda, for a few functions. */
#include "lambda.h"

#include <ecom/http.h>

#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FUNCTIONS = 16, MAX_CONTEXT = 8 << 10 };

struct server {
    struct lambda_limits limits;
    int32_t port;
    const char *host;
    struct function functions[MAX_FUNCTIONS];
    size_t nfunctions;
    struct queue *queue;
    ecom_http_server *http;
};

static const char help[] =
    "Usage: ecom lambda serve [OPTION]... NAME=BOOTSTRAP...\n\n"
    "Runs functions as AWS Lambda does: BOOTSTRAP is an executable that asks the\n"
    "Runtime API for invocations, as payment-lambda and notification-lambda do. Each\n"
    "runs in processes of its own, started when needed, standing still between\n"
    "invocations, killed at their time's end. They get this process's environment,\n"
    "and what AWS sets.\n\n"
    "Invoke with 'ecom lambda invoke NAME', any AWS client, or the workers: with\n"
    "AWS_ENDPOINT_URL_LAMBDA=http://127.0.0.1:9001, and any region and keys.\n"
    "Signatures are not checked: it is for this machine only.\n\n"
    "  --port PORT            default: 9001; 0: any free one\n"
    "  --host ADDRESS         default: 127.0.0.1\n"
    "  --timeout SECONDS      of an invocation; 0.1 to 900; default: 3\n"
    "  --concurrency N        processes of a function, 1 to 100; default: 10;\n"
    "                         one invocation more is answered with 429\n"
    "  --memory MIB           told to the function, not enforced; default: 128\n"
    "  --retry-delay SECONDS  before a failed event is tried again (twice);\n"
    "                         default: 60\n"
    "  --help                 print this\n\n"
    "Start-up line on stdout; the functions' output, START, END and REPORT on stderr.\n";

/* "name", "name:alias", a partial or a full ARN: all versions are this one. */
static struct function *find(struct server *s, ecom_str name)
{
    static const char mark[] = "function:";
    const char *at = memmem(name.p, name.n, mark, sizeof(mark) - 1);

    if (at)
        name =
            (ecom_str){at + sizeof(mark) - 1, (size_t)(name.p + name.n - at) - (sizeof(mark) - 1)};
    const char *colon = memchr(name.p, ':', name.n);
    if (colon)
        name.n = (size_t)(colon - name.p);
    for (size_t i = 0; i < s->nfunctions; i++)
        if (ecom_str_eq(name, ecom_str_of(s->functions[i].name)))
            return &s->functions[i];
    return NULL;
}

/* An error as AWS words it. */
static int refuse(ecom_exchange *x, int status, const char *type, const char *text, ecom_error *err)
{
    ecom_buf *out = ecom_exchange_out(x);

    ecom_exchange_set_status(x, status);
    if (ecom_exchange_add_header(x, "x-amzn-ErrorType", ecom_str_of(type)) < 0 ||
        ecom_buf_append(out, ecom_str_of("{\"Type\":\"User\",\"message\":")) < 0 ||
        ecom_json_write_str(out, ecom_str_of(text)) < 0 ||
        ecom_buf_append(out, ecom_str_of("}")) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    return ECOM_OK;
}

static int refuse_rate(ecom_exchange *x, ecom_error *err)
{
    if (ecom_exchange_add_header(x, "Retry-After", ecom_str_of("1")) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    return refuse(x, 429, "TooManyRequestsException", "Rate Exceeded.", err);
}

/* The client context, decoded: JSON, that becomes a header again. Truth: it can be used. */
static int read_context(ecom_exchange *x, ecom_str *out)
{
    ecom_str text = ecom_exchange_header(x, "X-Amz-Client-Context");
    size_t n = 0;

    *out = (ecom_str){NULL, 0};
    if (!text.n)
        return 1;
    char *bytes = text.n <= MAX_CONTEXT ? ecom_arena_alloc(ecom_exchange_arena(x), text.n) : NULL;
    if (!bytes ||
        sodium_base642bin((unsigned char *)bytes, text.n, text.p, text.n, NULL, &n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        memchr(bytes, '\n', n) || memchr(bytes, '\r', n) || memchr(bytes, '\0', n))
        return 0;
    *out = (ecom_str){bytes, n};
    return 1;
}

static int add_tail(ecom_exchange *x, ecom_str tail)
{
    char text[sodium_base64_ENCODED_LEN(LAMBDA_TAIL, sodium_base64_VARIANT_ORIGINAL)];

    sodium_bin2base64(text, sizeof(text), (const unsigned char *)tail.p, tail.n,
                      sodium_base64_VARIANT_ORIGINAL);
    return ecom_exchange_add_header(x, "X-Amz-Log-Result", ecom_str_of(text));
}

/* Waits for the result. */
static int run(struct function *fn, struct invocation *in, ecom_exchange *x, ecom_error *err)
{
    int tail = ecom_str_eq(ecom_exchange_header(x, "X-Amz-Log-Type"), ecom_str_of("Tail"));
    int r = function_invoke(fn, in, err);

    if (r == ECOM_E_RATE)
        return refuse_rate(x, err);
    if (r < 0)
        return r;
    if (ecom_exchange_add_header(x, "X-Amz-Executed-Version", ecom_str_of("$LATEST")) < 0 ||
        (in->failed &&
         ecom_exchange_add_header(x, "X-Amz-Function-Error", ecom_str_of("Unhandled")) < 0) ||
        (tail && add_tail(x, ecom_buf_str(&in->tail)) < 0) ||
        ecom_buf_append(ecom_exchange_out(x), ecom_buf_str(&in->payload)) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    return ECOM_OK;
}

static int enqueue(struct server *s, struct function *fn, const struct invocation *in,
                   ecom_exchange *x, ecom_error *err)
{
    int r = queue_add(s->queue, fn, in->id, in->event, in->client_context, err);

    if (r == ECOM_E_RATE)
        return refuse_rate(x, err);
    if (r == ECOM_OK)
        ecom_exchange_set_status(x, 202);
    return r;
}

static int post_invocation(void *user, ecom_exchange *x, ecom_error *err)
{
    struct server *s = user;
    struct function *fn = find(s, ecom_exchange_param(x, "name"));
    ecom_str body = ecom_exchange_body(x), type = ecom_exchange_header(x, "X-Amz-Invocation-Type");
    int async = ecom_str_eq(type, ecom_str_of("Event"));
    struct invocation in = {.id = ecom_id_new(ecom_env_system()), .event = body};
    const ecom_json_limits limits = {.size = sizeof(limits), .max_bytes = LAMBDA_MAX_PAYLOAD};
    const ecom_json *json;

    if (!in.event.n)
        in.event = ecom_str_of("{}");
    if (ecom_exchange_add_header(x, "x-amzn-RequestId", ecom_str_of(in.id.s)) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    if (!fn)
        return refuse(x, 404, "ResourceNotFoundException", "Function not found", err);
    if (type.n && !async && !ecom_str_eq(type, ecom_str_of("RequestResponse")) &&
        !ecom_str_eq(type, ecom_str_of("DryRun")))
        return refuse(x, 400, "InvalidParameterValueException", "InvocationType", err);
    if (body.n > (size_t)(async ? LAMBDA_MAX_ASYNC_PAYLOAD : LAMBDA_MAX_PAYLOAD))
        return refuse(x, 413, "RequestTooLargeException", "Request must be smaller", err);
    if (ecom_json_parse(in.event, &limits, ecom_exchange_arena(x), &json, err) < 0)
        return refuse(x, 400, "InvalidRequestContentException",
                      "Could not parse request body into json", err);
    if (!read_context(x, &in.client_context))
        return refuse(x, 400, "InvalidRequestContentException", "Client context", err);
    if (ecom_str_eq(type, ecom_str_of("DryRun"))) {
        ecom_exchange_set_status(x, 204);
        return ECOM_OK;
    }
    int r = async ? enqueue(s, fn, &in, x, err) : run(fn, &in, x, err);
    invocation_clear(&in);
    return r;
}

static const ecom_route routes[] = {
    {.method = "POST",
     .pattern = "/2015-03-31/functions/{name}/invocations",
     .handle = post_invocation},
};

static int open_http(struct server *s, ecom_error *err)
{
    uint32_t threads = (uint32_t)(s->limits.concurrency * (int32_t)s->nfunctions) + 4;
    const ecom_http_options opts = {
        .size = sizeof(opts),
        .name = "ecom-lambda",
        .version = ecom_version(),
        .host = s->host,
        .port = s->port,
        .routes = routes,
        .nroutes = sizeof(routes) / sizeof(routes[0]),
        .user = s,
        .threads = threads < 256 ? threads : 256,
        .max_header_bytes = 64 << 10,
        .max_body_bytes = LAMBDA_MAX_PAYLOAD + (64 << 10),
        .max_bodies_bytes = 2u << 30,
        .max_unread_bytes = 2u << 30,
    };
    int r = ecom_http_server_new(&opts, &s->http, err);

    return r < 0 ? r : ecom_http_server_start(s->http, err);
}

/* "0.5" as 500; -1: no number from min to max ms. */
static int32_t read_ms(const char *text, int32_t min, int32_t max)
{
    char *end;
    double s = strtod(text, &end);

    return end != text && !*end && s * 1000 >= min && s * 1000 <= max ? (int32_t)(s * 1000) : -1;
}

static int32_t read_number(const char *text, int32_t min, int32_t max)
{
    char *end;
    long n = strtol(text, &end, 10);

    return end != text && !*end && n >= min && n <= max ? (int32_t)n : -1;
}

/* -1: wrong. */
static int set(struct server *s, int option, const char *value)
{
    switch (option) {
    case 'p':
        return (s->port = read_number(value, 0, 65535));
    case 'a':
        s->host = value;
        return 0;
    case 't':
        return (s->limits.timeout_ms = read_ms(value, 100, 900000));
    case 'c':
        return (s->limits.concurrency = read_number(value, 1, LAMBDA_MAX_CONCURRENCY));
    case 'm':
        return (s->limits.memory_mib = read_number(value, 128, 10240));
    default:
        return (s->limits.retry_ms = read_ms(value, 0, 3600000));
    }
}

/* -1: go on; else the exit status. */
static int read_options(struct server *s, int argc, char **argv)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},    {"host", required_argument, NULL, 'a'},
        {"timeout", required_argument, NULL, 't'}, {"concurrency", required_argument, NULL, 'c'},
        {"memory", required_argument, NULL, 'm'},  {"retry-delay", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},          {0}};
    static char name[] = "ecom lambda serve";

    argv[0] = name;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h')
            return printf("%s", help) < 0;
        if (c == '?' || set(s, c, optarg) < 0)
            return fprintf(stderr, "%s%s%sTry '%s --help'.\n", c == '?' ? "" : name,
                           c == '?' ? "" : ": a value that is no number, or out of bounds: ",
                           c == '?' ? "" : optarg, name),
                   CLI_USAGE;
    }
    return -1;
}

/* NAME=BOOTSTRAP */
static int add_function(struct server *s, char *text)
{
    char *equals = strchr(text, '='), *path;

    if (!equals || equals == text || s->nfunctions == MAX_FUNCTIONS) {
        fprintf(stderr, "ecom lambda serve: '%s' is no NAME=BOOTSTRAP, or one more than %d\n", text,
                MAX_FUNCTIONS);
        return -1;
    }
    *equals = '\0';
    if (find(s, ecom_str_of(text))) {
        fprintf(stderr, "ecom lambda serve: two functions are called '%s'\n", text);
        return -1;
    }
    if (access(equals + 1, X_OK) < 0 || !(path = realpath(equals + 1, NULL))) {
        fprintf(stderr, "ecom lambda serve: '%s' is no executable\n", equals + 1);
        return -1;
    }
    function_init(&s->functions[s->nfunctions++], text, path, &s->limits);
    return 0;
}

static void stop(struct server *s)
{
    for (size_t i = 0; i < s->nfunctions; i++)
        function_stop(&s->functions[i]);
    ecom_http_server_free(s->http);
    queue_free(s->queue);
    for (size_t i = 0; i < s->nfunctions; i++) {
        function_clear(&s->functions[i]);
        free((void *)(uintptr_t)s->functions[i].path);
    }
}

int lambda_serve(int argc, char **argv)
{
    static struct server s;
    sigset_t signals;
    ecom_error e = {0};
    int got, status;

    s = (struct server){
        .port = 9001, .host = "127.0.0.1", .limits = {3000, 128, 10, 60000, getenv("AWS_REGION")}};
    if (!s.limits.region || !*s.limits.region)
        s.limits.region = "us-east-1";
    if ((status = read_options(&s, argc, argv)) >= 0)
        return status;
    for (int i = optind; i < argc; i++)
        if (add_function(&s, argv[i]) < 0)
            return CLI_USAGE;
    if (!s.nfunctions)
        return fprintf(stderr, "%s", help), CLI_USAGE;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    int r = queue_new(&s.limits, &s.queue, &e);
    if (r == ECOM_OK)
        r = open_http(&s, &e);
    if (r == ECOM_OK) {
        printf("Lambda running on :%d\n", (int)ecom_http_server_port(s.http));
        fflush(stdout);
        sigwait(&signals, &got);
    } else {
        fprintf(stderr, "ecom lambda serve: %s\n", e.text);
    }
    stop(&s);
    return r < 0 ? ecom_code_of(r)->exit : 0;
}
