/* Invokes a function as its environment says, with the payload on standard input, and prints the
 * answer as a line of JSON. `aws_tool FUNCTION [event] [N-TIMES]` */
#include <ecom/aws.h>
#include <ecom/json.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 64 };

static const char *env(const char *name)
{
    return getenv(name);
}

static int number(const char *name)
{
    return env(name) ? atoi(env(name)) : 0;
}

static void member(ecom_buf *out, const char *name, ecom_str value)
{
    if (ecom_buf_printf(out, ",\"%s\":", name) < 0 || ecom_json_write_str(out, value) < 0)
        abort();
}

struct job {
    ecom_aws *aws;
    const ecom_aws_invocation *call;
    int code;
};

static void *invoke(void *user)
{
    struct job *job = user;
    ecom_arena *arena = ecom_arena_new(32 << 20);
    ecom_aws_answer answer = {0};
    ecom_buf out = {0};
    ecom_error e = {0};
    int r = ecom_aws_invoke(job->aws, job->call, arena, &answer, &e);

    if (ecom_buf_printf(&out, "{\"code\":\"%s\",\"status\":%d,\"tries\":%d,\"bytes\":%zu",
                        ecom_code_of(r)->name, answer.status, answer.tries, answer.payload.n) < 0)
        abort();
    member(&out, "text", ecom_str_of(e.text));
    if (answer.payload.n < 65536)
        member(&out, "payload", answer.payload);
    member(&out, "functionError", answer.function_error);
    member(&out, "errorType", answer.error_type);
    member(&out, "logTail", answer.log_tail);
    member(&out, "requestId", answer.request_id);
    printf("%s}\n", out.p);
    ecom_buf_free(&out);
    ecom_arena_free(arena);
    job->code = r;
    return NULL;
}

static void read_all(ecom_buf *in)
{
    size_t n;

    do {
        if (ecom_buf_reserve(in, 65536) < 0)
            abort();
        n = fread(in->p + in->n, 1, 65536, stdin);
        in->n += n;
    } while (n);
}

int main(int argc, char **argv)
{
    const ecom_aws_options opts = {
        .size = sizeof(opts),
        .region = env("AWS_REGION"),
        .endpoint = env("AWS_ENDPOINT_URL_LAMBDA"),
        .ca_bundle = env("AWS_CA_BUNDLE"),
        .access_key_id = env("AWS_ACCESS_KEY_ID"),
        .secret_access_key = env("AWS_SECRET_ACCESS_KEY"),
        .session_token = env("AWS_SESSION_TOKEN"),
        .profile = env("AWS_PROFILE"),
        .config_file = env("AWS_CONFIG_FILE"),
        .credentials_file = env("AWS_SHARED_CREDENTIALS_FILE"),
        .container_full_uri = env("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        .container_token_file = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
        .metadata_endpoint = env("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
        .metadata_disabled = number("AWS_EC2_METADATA_DISABLED"),
        .concurrency = (uint32_t)number("CONCURRENCY"),
        .max_tries = (uint32_t)number("TRIES"),
        .timeout_ms = number("TIMEOUT_MS"),
    };
    ecom_aws_invocation call = {
        .size = sizeof(call),
        .function = argc > 1 ? argv[1] : "",
        .mode = argc > 2 && strcmp(argv[2], "event") == 0 ? ECOM_AWS_EVENT : ECOM_AWS_REQUEST,
        .correlation_id = ecom_str_of(env("CORRELATION_ID")),
        .log_tail = 1,
    };
    int n = argc > 3 ? atoi(argv[3]) : 1;
    struct job jobs[MAX_THREADS];
    pthread_t threads[MAX_THREADS];
    ecom_aws *aws = NULL;
    ecom_buf in = {0};
    ecom_error e;

    if (n < 1 || n > MAX_THREADS)
        return 64;
    if (ecom_aws_new(&opts, &aws, &e) < 0)
        return fprintf(stderr, "%s\n", e.text), 78;
    read_all(&in);
    call.payload = ecom_buf_str(&in);
    for (int i = 0; i < n; i++) {
        jobs[i] = (struct job){aws, &call, 0};
        if (pthread_create(&threads[i], NULL, invoke, &jobs[i]) != 0)
            abort();
    }
    int code = 0;
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        code = jobs[i].code < 0 ? jobs[i].code : code;
    }
    ecom_aws_free(aws);
    ecom_buf_free(&in);
    return code ? ecom_code_of(code)->exit : 0;
}
