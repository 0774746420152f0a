/* `ecom lambda invoke`: one invocation, here or on AWS. */
#include "lambda.h"

#include "workers/aws_library.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { ARENA_BYTES = 64 << 20 };

struct options {
    const char *function, *event, *env_file, *endpoint;
    int async;
};

static const char help[] =
    "Usage: ecom lambda invoke NAME [OPTION]...\n\n"
    "Invokes a function: its result goes to stdout, the end of its log to stderr.\n"
    "NAME is a name, NAME:ALIAS, or an ARN. Where and as whom say\n"
    "AWS_ENDPOINT_URL_LAMBDA (here: http://127.0.0.1:9001), AWS_REGION and AWS's\n"
    "other settings, from the environment, .env or ~/.aws.\n\n"
    "  --event FILE     JSON to invoke it with; -: from stdin; default: {}\n"
    "  --async          do not wait for the result\n"
    "  --endpoint URL   instead of AWS_ENDPOINT_URL_LAMBDA\n"
    "  --env-file FILE  instead of .env\n"
    "  --help           print this\n\n"
    "Exit status: 0; 70 when the function failed (its error is on stdout); 69, 75, 77\n"
    "or another of sysexits.h when it could not be invoked.\n";

/* -1: go on; else the exit status. */
static int read_options(struct options *o, int argc, char **argv)
{
    static const struct option options[] = {
        {"event", required_argument, NULL, 'e'},    {"async", no_argument, NULL, 'a'},
        {"endpoint", required_argument, NULL, 'u'}, {"env-file", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},           {0}};
    static char name[] = "ecom lambda invoke";

    argv[0] = name;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (c) {
        case 'h':
            return printf("%s", help) < 0;
        case 'e':
            o->event = optarg;
            break;
        case 'a':
            o->async = 1;
            break;
        case 'u':
            o->endpoint = optarg;
            break;
        case 'f':
            o->env_file = optarg;
            break;
        default:
            return fprintf(stderr, "Try '%s --help'.\n", name), CLI_USAGE;
        }
    }
    if (optind + 1 != argc)
        return fprintf(stderr, "%s", help), CLI_USAGE;
    o->function = argv[optind];
    return -1;
}

static int read_event(const char *path, ecom_buf *out)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    size_t n = 1;

    if (!file)
        return perror(path), -1;
    while (n && out->n <= ECOM_AWS_MAX_PAYLOAD) {
        if (ecom_buf_reserve(out, 65536) < 0)
            break;
        n = fread(out->p + out->n, 1, 65536, file);
        out->n += n;
    }
    int bad = ferror(file) || n;
    if (file != stdin)
        fclose(file);
    return bad ? fprintf(stderr, "%s: cannot be read, or is too large\n", path), -1 : 0;
}

static void print(const ecom_aws_answer *answer)
{
    if (answer->log_tail.n)
        fprintf(stderr, "%.*s", (int)answer->log_tail.n, answer->log_tail.p);
    if (answer->payload.n)
        printf("%.*s\n", (int)answer->payload.n, answer->payload.p);
}

static int invoke(const struct options *o, const struct settings *settings, ecom_str event,
                  ecom_arena *arena, ecom_error *err)
{
    struct aws_library library;
    ecom_aws_options opts;
    ecom_aws_answer answer = {0};
    ecom_aws *aws = NULL;
    const ecom_aws_invocation call = {
        .size = sizeof(call),
        .function = o->function,
        .payload = event,
        .mode = o->async ? ECOM_AWS_EVENT : ECOM_AWS_REQUEST,
        .log_tail = 1,
    };
    int r = aws_library_load(&library, err);

    if (r < 0 || settings_aws(settings, arena, &opts) < 0)
        return r < 0 ? r : ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    if (o->endpoint)
        opts.endpoint = o->endpoint;
    if ((r = library.new_client(&opts, &aws, err)) < 0)
        return r;
    r = library.invoke(aws, &call, arena, &answer, err);
    if (r == ECOM_OK || r == ECOM_E_BACKEND)
        print(&answer);
    library.free_client(aws);
    return r;
}

int lambda_invoke(int argc, char **argv)
{
    struct options o = {0};
    struct settings settings;
    ecom_buf event = {0};
    ecom_error e = {0};
    int status = read_options(&o, argc, argv);

    if (status >= 0)
        return status;
    ecom_arena *arena = ecom_arena_new(ARENA_BYTES);
    if (!arena || cli_settings(o.env_file, 0, arena, &settings) < 0) {
        ecom_arena_free(arena);
        return CLI_CONFIG;
    }
    int r = o.event && read_event(o.event, &event) < 0 ? ECOM_E_NOTFOUND : ECOM_OK;
    if (r == ECOM_OK)
        r = invoke(&o, &settings, o.event ? ecom_buf_str(&event) : ecom_str_of("{}"), arena, &e);
    if (r < 0 && e.text[0])
        fprintf(stderr, "ecom lambda invoke: %s\n", e.text);
    ecom_buf_free(&event);
    ecom_arena_free(arena);
    return ecom_code_of(r)->exit;
}
