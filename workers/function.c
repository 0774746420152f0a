#include "function.h"

#ifdef FUNCTION_KAFKA
#include <ecom/kafka.h>
#endif
#include <ecom/outbox.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 64, EXIT_CONFIG = 78, PENDING = 64 };

/* What signal handlers reach: there is one function in a process. */
static ecom_lambda *running;

static void on_stop(int number)
{
    (void)number;
    ecom_lambda_stop(running);
}

/* The process cannot go on: another takes its place. */
static void on_crash(int number)
{
    ecom_lambda_last_word(running, "Runtime.Crash",
                          number == SIGSEGV   ? "the handler crashed: SIGSEGV"
                          : number == SIGABRT ? "the handler crashed: SIGABRT"
                          : number == SIGFPE  ? "the handler crashed: SIGFPE"
                                              : "the handler crashed");
    raise(number); /* its default, now */
}

static void on_deadline(int number)
{
    (void)number;
    ecom_lambda_last_word(running, "Function.TimedOut",
                          "the handler did not end before the deadline");
    _exit(1);
}

static void listen_to(int number, void (*fn)(int), int flags)
{
    struct sigaction action = {.sa_handler = fn, .sa_flags = flags};

    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

/* A crash by a stack that is full needs another one for the last word. */
static void listen_to_all(void)
{
    static char stack[64 << 10];
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};

    sigaltstack(&other, NULL);
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
        listen_to(crashes[i], on_crash, SA_ONSTACK | SA_RESETHAND | SA_NODEFER);
    listen_to(SIGALRM, on_deadline, SA_ONSTACK);
    listen_to(SIGTERM, on_stop, SA_RESTART);
    listen_to(SIGINT, on_stop, SA_RESTART);
    signal(SIGPIPE, SIG_IGN);
}

static void alarm_in_ms(int64_t ms)
{
    const struct itimerval timer = {.it_value = {ms / 1000, ms % 1000 * 1000}};

    setitimer(ITIMER_REAL, &timer, NULL);
}

static ecom_str configured_store(const struct function *f)
{
    return *(const ecom_str *)(const void *)((const char *)&f->settings + f->spec->store_url);
}

static void close_domain(struct function *f)
{
    ecom_relay_free(f->relay);
    if (f->domain)
        f->spec->close(f);
    ecom_store_close(f->store);
    f->relay = NULL;
    f->domain = NULL;
    f->store = NULL;
    f->handled = 0;
}

static int open_domain(struct function *f, ecom_error *err)
{
    ecom_store_options opts = ECOM_STORE_OPTIONS_INIT;
    const ecom_str url = configured_store(f);

    opts.env = f->env;
    opts.log = f->log;
    int r = ecom_store_open(url.n ? url.p : "memory:", &opts, &f->store, err);
    if (r == ECOM_OK && f->bus) {
        const ecom_relay_options relay = {
            .size = sizeof(relay), .store = f->store, .bus = f->bus, .env = f->env, .log = f->log};
        r = ecom_relay_new(&relay, &f->relay, err);
    }
    if (r == ECOM_OK)
        r = f->spec->open(f, err);
    if (r < 0)
        close_domain(f);
    return r;
}

/* A static executable loads no libraries: what it has is registered. */
static int register_schemes(ecom_error *err)
{
#ifdef FUNCTION_KAFKA
    return ecom_scheme_register(ecom_backend_kafka(), err);
#else
    (void)err;
    return ECOM_OK;
#endif
}

static int open_bus(struct function *f, ecom_error *err)
{
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;

    if (!f->settings.bus_url.n && !f->settings.kafka_servers.n)
        return ECOM_OK;
    opts.env = f->env;
    opts.log = f->log;
    f->bus_url = settings_bus_url(&f->settings, f->arena);
    if (!f->bus_url)
        return ecom_fail(err, ECOM_E_NOMEM, "opening the bus");
    return ecom_bus_open(f->bus_url, &opts, &f->bus, err);
}

/* Memory that only grew would end the sandbox: from time to time it begins anew. Not while an event
 * waits in it that could not be published yet. */
static int renew_memory(struct function *f, ecom_error *err)
{
    uint64_t waiting = 0;
    int64_t since;

    if (f->store && (configured_store(f).n || f->handled < FUNCTION_MEMORY))
        return ECOM_OK;
    if (f->store && f->bus &&
        (ecom_store_backlog(f->store, &waiting, &since, err) < 0 || waiting > 0))
        return ECOM_OK;
    close_domain(f);
    return open_domain(f, err);
}

static int begin(void *user, int returned, const ecom_lambda_context *context, ecom_error *err)
{
    struct function *f = user;

    (void)context;
    if (!returned && f->spec->publishes && !f->bus)
        return ecom_fail_field(err, ECOM_E_NOTSUP, "ECOM_BUS_URL",
                               "must be set for an event source: nobody reads what "
                               "is returned");
    return renew_memory(f, err);
}

static void sleep_ms(int64_t ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

/* Publishes all that waits, within the time there is. */
static int drain(struct function *f, const ecom_lambda_context *context, ecom_error *err)
{
    for (;;) {
        int32_t wait_ms = 0;
        int r = ecom_relay_step(f->relay, &wait_ms, err);
        if (r == 0 && wait_ms > 0)
            return ECOM_OK;
        int64_t left = ecom_lambda_left_ms(context);
        if (r < 0 && (wait_ms >= left || !ecom_code_of(r)->retry))
            return r;
        if (left <= 0)
            return ecom_fail(err, ECOM_E_TIMEOUT,
                             "no time is left to publish what it gave rise to");
        if (r < 0)
            sleep_ms(wait_ms);
    }
}

struct tokens {
    ecom_arena *arena;
    ecom_str list[PENDING];
    size_t n;
    int nomem;
};

static int collect(void *user, const ecom_pending *pending)
{
    struct tokens *tokens = user;
    ecom_str token = ecom_arena_copy(tokens->arena, pending->token);

    if (!token.p)
        return tokens->nomem = 1;
    tokens->list[tokens->n++] = token;
    return 0;
}

/* The caller publishes the result. Should it be lost, the payment gives it again. */
static int hand_over(struct function *f, const ecom_lambda_context *context, ecom_error *err)
{
    for (;;) {
        struct tokens tokens = {.arena = context->arena};
        int r = ecom_store_pending(f->store, INT64_MIN, PENDING, collect, &tokens, err);
        if (r == ECOM_OK && tokens.nomem)
            r = ecom_fail(err, ECOM_E_NOMEM, "out of memory");
        if (r < 0 || !tokens.n)
            return r;
        if ((r = ecom_store_published(f->store, tokens.list, tokens.n, err)) < 0)
            return r;
    }
}

static int settle(void *user, int returned, const ecom_lambda_context *context, ecom_error *err)
{
    struct function *f = user;

    (void)returned;
    if (f->bus)
        return drain(f, context, err);
    return f->spec->publishes ? hand_over(f, context, err) : ECOM_OK;
}

/* Until half of the margin is gone, the handler may still answer by itself. */
static int handle(void *user, ecom_str event, const ecom_lambda_context *context, ecom_buf *result,
                  ecom_error *err)
{
    struct function *f = user;
    ecom_lambda_events events = {
        .size = sizeof(events),
        .routes = f->spec->routes,
        .nroutes = f->spec->nroutes,
        .ignore = ecom_shop_contracts,
        .user = f,
        .begin = begin,
        .settle = settle,
    };
    int64_t left = ecom_lambda_left_ms(context);

    if (left != INT64_MAX) {
        left += context->margin_ms / 2;
        alarm_in_ms(left > 1 ? left : 1);
    }
    int r = ecom_lambda_events_handle(&events, event, context, result, err);
    alarm_in_ms(0);
    return r;
}

static int open_log(struct function *f)
{
    static const ecom_log_style styles[] = {
        [LOG_FORMAT_AUTO] = ECOM_LOG_AUTO,
        [LOG_FORMAT_TEXT] = ECOM_LOG_TEXT,
        [LOG_FORMAT_COLOR] = ECOM_LOG_COLOR,
        [LOG_FORMAT_JSON] = ECOM_LOG_JSON,
    };

    f->log = ecom_log_open(STDERR_FILENO, f->spec->name, (ecom_level)f->settings.log_level,
                           styles[f->settings.log_format], f->env);
    return f->log ? ECOM_OK : ECOM_E_NOMEM;
}

/* Every fault on stderr, the first one in @p err. */
static int load_settings(struct function *f, ecom_error *err)
{
    ecom_buf faults = {0};
    int r = settings_load(NULL, 0, NULL, f->arena, &f->settings, &faults);

    if (r < 0) {
        fprintf(stderr, "%s: wrong settings:\n%s", f->spec->name, faults.n ? faults.p : "");
        ecom_fail(err, r, "%.*s", faults.n ? (int)strcspn(faults.p, "\n") : 0,
                  faults.n ? faults.p : "");
    }
    ecom_buf_free(&faults);
    return r;
}

static int open_all(struct function *f, ecom_error *err)
{
    int r = load_settings(f, err);

    if (r == ECOM_OK && (r = open_log(f)) < 0)
        ecom_fail(err, r, "out of memory");
    if (r == ECOM_OK)
        r = register_schemes(err);
    if (r == ECOM_OK)
        r = open_bus(f, err);
    return r == ECOM_OK ? open_domain(f, err) : r;
}

static void close_all(struct function *f)
{
    close_domain(f);
    ecom_bus_close(f->bus);
    ecom_log_close(f->log);
    ecom_arena_free(f->arena);
}

static void complain(const struct function *f, const char *what, int code, const ecom_error *why)
{
    const ecom_log_field fields[] = {
        {"reason", ecom_str_of(why->text), 0},
        {"code", ecom_str_of(ecom_code_of(code)->name), 0},
    };

    if (f->log)
        ecom_log_write(f->log, ECOM_LOG_ERROR, what, fields, 2);
    else
        fprintf(stderr, "%s: %s: %s\n", f->spec->name, what, why->text);
}

static int serve(struct function *f, const char *api)
{
    ecom_lambda_options opts = {
        .size = sizeof(opts), .api = api, .env = f->env, .handle = handle, .user = f};
    ecom_error why = {0}, e = {0};
    int r = open_all(f, &why), started = r == ECOM_OK;

    opts.log = f->log;
    int made = ecom_lambda_new(&opts, &f->lambda, &e);
    if (made < 0) {
        complain(f, "cannot start", made, &e);
        return EXIT_USAGE;
    }
    if (started) {
        running = f->lambda;
        listen_to_all();
        r = ecom_lambda_run(f->lambda, &why);
    } else if (ecom_lambda_init_error(f->lambda, &why, &e) < 0) {
        complain(f, "the Runtime API was not told", e.code, &e);
    }
    if (r < 0)
        complain(f, started ? "cannot go on" : "cannot start", r, &why);
    return r == ECOM_OK ? 0 : started ? ecom_code_of(r)->exit : EXIT_CONFIG;
}

static int print_help(const struct function_spec *spec, int status)
{
    fprintf(
        status ? stderr : stdout,
        "Usage: %s\n\n%s\n\nAn AWS Lambda function with its own runtime: AWS_LAMBDA_RUNTIME_API "
        "says where the\nRuntime API is. Settings come from the environment; those of the "
        "worker hold here.\nWithout a store of its own it remembers what this sandbox has "
        "done.\n",
        spec->name, spec->about);
    return status;
}

int function_main(const struct function_spec *spec, int argc, char **argv)
{
    struct function f = {.spec = spec, .env = ecom_env_system()};
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API");

    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        return printf("%s %s\n", spec->name, ecom_version()) < 0;
    if (argc > 1 || !api)
        return print_help(spec, argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : EXIT_USAGE);
    f.arena = ecom_arena_new(0);
    int status = f.arena ? serve(&f, api) : EXIT_CONFIG;
    running = NULL;
    listen_to(SIGTERM, SIG_IGN, 0);
    listen_to(SIGINT, SIG_IGN, 0);
    ecom_lambda_free(f.lambda);
    close_all(&f);
    return status;
}
