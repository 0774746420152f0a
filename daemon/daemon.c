#include "daemon.h"

#include "libecom/base/wait.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef DAEMON_SQLITE
#include <sqlite3.h>
#endif

enum { EXIT_USAGE = 64, EXIT_LATE = 75, EXIT_CONFIG = 78 };

/* To close what was drained; `ecom up` waits a second longer before it kills. */
enum { CLOSING_MS = 1000 };

/* For a call to the store: of this a database under load has a quarter to answer in. */
enum { STORE_MS = 10000 };

#define LOG(d_, level_, message_, ...)                                  \
    do {                                                                \
        const ecom_log_field fields_[] = {__VA_ARGS__};                 \
        ecom_log_write((d_)->log, ECOM_LOG_##level_, message_, fields_, \
                       sizeof(fields_) / sizeof(fields_[0]));           \
    } while (0)
#define TEXT(name_, value_)           \
    {                                 \
        name_, ecom_str_of(value_), 0 \
    }

static void print_help(const struct daemon_spec *spec)
{
    ecom_buf table = {0};

    printf("Usage: %s [--env-file FILE] [--help] [--version]\n\n%s\n\n", spec->name, spec->about);
    printf("  --env-file FILE  settings to read; default: .env, if it is there\n"
           "  --version        print the version\n"
           "  --help           print this\n\n"
           "Settings, from the environment or the file; the environment wins:\n\n");
    if (ecom_config_help(&settings_record, &table) == ECOM_OK)
        fwrite(table.p, 1, table.n, stdout);
    printf("\nExit status: 0 after a drain on SIGTERM or SIGINT, 75 if it took too long,\n"
           "64 wrong usage, 78 wrong settings, which no other try puts right, 69 a\n"
           "transport or the port cannot be had, 70 to 77 other failures.\n");
    ecom_buf_free(&table);
}

/* -1: go on; else the exit status. */
static int read_options(const struct daemon_spec *spec, int argc, char **argv,
                        const char **env_file)
{
    static const struct option options[] = {
        {"env-file", required_argument, NULL, 'e'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };

    for (int c; (c = getopt_long(argc, argv, "hv", options, NULL)) != -1;) {
        switch (c) {
        case 'e':
            *env_file = optarg;
            break;
        case 'h':
            print_help(spec);
            return 0;
        case 'v':
            printf("%s %s\n", spec->name, ecom_version());
            return 0;
        default:
            fprintf(stderr, "Try '%s --help'.\n", spec->name);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument '%s'\nTry '%s --help'.\n", spec->name,
                argv[optind], spec->name);
        return EXIT_USAGE;
    }
    return -1;
}

/* In the log, if it is open. */
static void tell_misspelt(const struct daemon *d, const char *env_file)
{
    ecom_buf told = {0};

    if (settings_misspelt(env_file, d->arena, &told) == ECOM_OK && told.n && !d->log)
        fprintf(stderr, "%s", told.p);
    for (char *line = told.n && d->log ? told.p : NULL, *end; line && *line; line = end + 1) {
        end = strchr(line, '\n');
        *end = '\0';
        ecom_log_write(d->log, ECOM_LOG_WARN, line, NULL, 0);
    }
    ecom_buf_free(&told);
}

static int load_settings(struct daemon *d, const char *env_file)
{
    ecom_buf faults = {0};

    d->arena = ecom_arena_new(0);
    int r = d->arena ? settings_load(env_file, d->spec->needs & DAEMON_JWT, ecom_http_proxies_check,
                                     d->arena, &d->settings, &faults)
                     : ECOM_E_NOMEM;
    if (r == ECOM_E_NOMEM)
        fprintf(stderr, "%s: out of memory\n", d->spec->name);
    else if (r < 0)
        fprintf(stderr, "%s: wrong settings:\n%s", d->spec->name, faults.n ? faults.p : "");
    if (r < 0 && r != ECOM_E_NOMEM)
        tell_misspelt(d, env_file);
    ecom_buf_free(&faults);
    return r;
}

static int open_log(struct daemon *d)
{
    static const ecom_log_style styles[] = {
        [LOG_FORMAT_AUTO] = ECOM_LOG_AUTO,
        [LOG_FORMAT_TEXT] = ECOM_LOG_TEXT,
        [LOG_FORMAT_COLOR] = ECOM_LOG_COLOR,
        [LOG_FORMAT_JSON] = ECOM_LOG_JSON,
    };
    const char *no_color = getenv("NO_COLOR"); /* https://no-color.org */
    ecom_log_style style = styles[d->settings.log_format];

    if (style == ECOM_LOG_AUTO && no_color && *no_color && isatty(STDERR_FILENO))
        style = ECOM_LOG_TEXT;
    d->log = ecom_log_open(STDERR_FILENO, d->spec->name, (ecom_level)d->settings.log_level, style,
                           d->env);
    return d->log ? ECOM_OK : ECOM_E_NOMEM;
}

static ecom_str setting(const struct daemon *d, size_t offset)
{
    return *(const ecom_str *)(const void *)((const char *)&d->settings + offset);
}

/* Says of which setting it is that it is no URL. */
static int name_setting(int r, const char *name, ecom_error *err)
{
    char text[sizeof(err->text)];

    if (r == ECOM_OK || strcmp(err->field, "url") != 0)
        return r;
    snprintf(text, sizeof(text), "%s", err->text + sizeof("url: ") - 1);
    return ecom_fail_field(err, r, name, "%s", text);
}

static int open_transports(struct daemon *d, ecom_error *err)
{
    ecom_store_options store = ECOM_STORE_OPTIONS_INIT;
    ecom_bus_options bus = ECOM_BUS_OPTIONS_INIT;
    const char *store_url = "", *bus_url = settings_bus_url(&d->settings, d->arena);
    int r = ECOM_OK;

    store.env = bus.env = d->env;
    store.timeout_ms = STORE_MS;
    store.log = bus.log = d->log;
    bus.metrics = d->metrics;
    if (d->spec->needs & DAEMON_STORE)
        store_url = settings_store_url(&d->settings, setting(d, d->spec->store_url),
                                       d->spec->store_name, d->arena);
    if (!store_url || !bus_url)
        return ecom_fail(err, ECOM_E_NOMEM, "opening transports");
    if (d->spec->needs & DAEMON_STORE)
        r = settings_make_data_dir(&d->settings, store_url, err);
    if (r == ECOM_OK && (d->spec->needs & DAEMON_BUS))
        r = settings_make_data_dir(&d->settings, bus_url, err);
    if (r == ECOM_OK && (d->spec->needs & DAEMON_STORE))
        r = name_setting(ecom_store_open(store_url, &store, &d->store, err),
                         settings_name(d->spec->store_url), err);
    if (r == ECOM_OK && (d->spec->needs & DAEMON_BUS))
        r = name_setting(ecom_bus_open(bus_url, &bus, &d->bus, err),
                         d->settings.bus_url.n ? "ECOM_BUS_URL" : "KAFKA_*", err);
    return r;
}

static int open_jwt(struct daemon *d, ecom_error *err)
{
    ecom_jwt_options opts = {
        .size = sizeof(opts),
        .secret = d->settings.jwt_secret,
        .previous_secret = d->settings.jwt_previous_secret,
        .issuer = d->settings.jwt_issuer,
        .ttl_s = d->settings.jwt_ttl_s,
        .env = d->env,
    };

    int wanted = d->spec->needs & DAEMON_JWT ||
                 (d->spec->needs & DAEMON_JWT_IF_SET && d->settings.jwt_secret.n);

    return wanted ? ecom_jwt_new(&opts, &d->jwt, err) : ECOM_OK;
}

static int open_relay(struct daemon *d, ecom_error *err)
{
    ecom_relay_options opts = {
        .size = sizeof(opts),
        .store = d->store,
        .bus = d->bus,
        .env = d->env,
        .log = d->log,
        .metrics = d->metrics,
    };

    return d->store && d->bus ? ecom_relay_new(&opts, &d->relay, err) : ECOM_OK;
}

/* Never the same for two daemons, for they read the same settings: in one group each would get some
 * of the events only. */
static ecom_str group_of(const struct daemon *d, char name[ECOM_BUS_MAX_NAME + 1])
{
    const ecom_str group = d->settings.group;

    snprintf(name, ECOM_BUS_MAX_NAME + 1, "%s%s%s", group.n ? group.p : "", group.n ? "." : "",
             d->spec->name);
    return ecom_str_of(name);
}

static int open_consumer(struct daemon *d, ecom_error *err)
{
    ecom_str topic = setting(d, d->spec->topic);
    char group[ECOM_BUS_MAX_NAME + 1];
    ecom_consumer_options opts = {
        .size = sizeof(opts),
        .bus = d->bus,
        .env = d->env,
        .log = d->log,
        .metrics = d->metrics,
        .group = group_of(d, group),
        .topics = &topic,
        .ntopics = 1,
        .subscribers = d->spec->subscribers,
        .nsubscribers = d->spec->nsubscribers,
        .ignore = ecom_shop_contracts,
        .user = d->domain,
        .threads = (uint32_t)d->settings.consumer_threads,
    };

    return d->spec->nsubscribers ? ecom_consumer_new(&opts, &d->consumer, err) : ECOM_OK;
}

static int is_ready(void *user, ecom_error *err)
{
    struct daemon *d = user;
    ecom_consumer_stats stats;

    if (d->store && ecom_store_ping(d->store, err) < 0)
        return ECOM_E_UNAVAILABLE;
    if (d->bus && ecom_bus_ping(d->bus, err) < 0)
        return ECOM_E_UNAVAILABLE;
    if (d->consumer) {
        ecom_consumer_stats_get(d->consumer, &stats);
        if (!stats.healthy)
            return ecom_fail(err, ECOM_E_UNAVAILABLE, "the consumer does not reach the bus");
        if (stats.stalled)
            return ecom_fail(err, ECOM_E_UNAVAILABLE,
                             "%llu events keep failing for want of something; the log says of what",
                             (unsigned long long)stats.stalled);
    }
    return ECOM_OK;
}

static int open_server(struct daemon *d, ecom_error *err)
{
    ecom_http_options opts = {
        .size = sizeof(opts),
        .name = d->spec->name,
        .version = ecom_version(),
        .host = d->settings.host.p,
        .port =
            (int32_t) * (const int64_t *)(const void *)((const char *)&d->settings + d->spec->port),
        .routes = d->spec->routes,
        .nroutes = d->spec->nroutes,
        .user = d,
        .env = d->env,
        .log = d->log,
        .metrics = d->metrics,
        .jwt = d->jwt,
        .ready = is_ready,
        .loops = (uint32_t)d->settings.http_loops,
        .threads = (uint32_t)d->settings.http_threads,
        .proxies = d->settings.proxies.p,
    };

    return ecom_http_server_new(&opts, &d->server, err);
}

static int open_all(struct daemon *d, ecom_error *err)
{
    d->metrics = ecom_metrics_new();
    if (!d->metrics)
        return ecom_fail(err, ECOM_E_NOMEM, "metrics");
    int r = open_transports(d, err);
    if (r == ECOM_OK)
        r = open_jwt(d, err);
    if (r == ECOM_OK)
        r = open_relay(d, err);
    if (r == ECOM_OK && d->spec->open)
        r = d->spec->open(d, err);
    if (r == ECOM_OK)
        r = open_consumer(d, err);
    return r == ECOM_OK ? open_server(d, err) : r;
}

/* The first step takes the consumer's place in its group, so that who is told that it runs finds it
 * ready. A bus that is away is no reason not to start: /readyz says so until it is back. */
static int start_consumer(struct daemon *d, ecom_error *err)
{
    if (ecom_consumer_step(d->consumer, 0, err) < 0)
        LOG(d, WARN, "the bus cannot be reached yet", TEXT("reason", err->text));
    d->started = 1;
    return ecom_consumer_start(d->consumer, err);
}

static int start_server(struct daemon *d, ecom_error *err)
{
    char text[sizeof(err->text)];
    int r = ecom_http_server_start(d->server, err);

    if (r != ECOM_E_UNAVAILABLE)
        return r;
    int is_port = err->native == EADDRINUSE || err->native == EACCES;
    snprintf(text, sizeof(text), "%s", err->text);
    return ecom_fail(err, r, "%s (%s)", text, is_port ? settings_name(d->spec->port) : "ECOM_HOST");
}

/* Events flow before requests are let in. */
static int start_all(struct daemon *d, ecom_error *err)
{
    int r = d->relay ? ecom_relay_start(d->relay, err) : ECOM_OK;

    if (r == ECOM_OK && d->consumer)
        r = start_consumer(d, err);
    return r == ECOM_OK ? start_server(d, err) : r;
}

/* Calls a function when something takes long. */
struct late {
    struct daemon *d;
    void (*fn)(struct daemon *d); /* NULL: nothing waits */
    pthread_t thread;
    int started, over;
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct timespec at;
};

static void *wait_until_late(void *user)
{
    struct late *late = user;
    int r = 0;

    pthread_mutex_lock(&late->lock);
    while (!late->over && r == 0)
        r = pthread_cond_timedwait(&late->news, &late->lock, &late->at);
    int is_late = !late->over;
    pthread_mutex_unlock(&late->lock);
    if (is_late)
        late->fn(late->d);
    return NULL;
}

static void late_start(struct late *late, struct daemon *d, int64_t ms,
                       void (*fn)(struct daemon *d))
{
    *late = (struct late){.d = d, .fn = fn};
    if (!fn)
        return;
    late->at = ecom__after_ms(CLOCK_MONOTONIC, ms);
    ecom__cond_init(&late->news);
    pthread_mutex_init(&late->lock, NULL);
    late->started = pthread_create(&late->thread, NULL, wait_until_late, late) == 0;
}

static void late_end(struct late *late)
{
    if (!late->fn)
        return;
    pthread_mutex_lock(&late->lock);
    late->over = 1;
    pthread_cond_signal(&late->news);
    pthread_mutex_unlock(&late->lock);
    if (late->started)
        pthread_join(late->thread, NULL);
    pthread_cond_destroy(&late->news);
    pthread_mutex_destroy(&late->lock);
}

/* A call to a database or a broker that stands still may last longer than the drain may, and cannot
 * be taken back. What was accepted is in the store, and what has not gone out goes after the next
 * start: so the process may end under it. */
static void give_up(struct daemon *d)
{
    LOG(d, WARN, "did not stop in time: ending all the same", TEXT("version", ecom_version()));
    _exit(EXIT_LATE);
}

/* In the order of the flow: no new requests, then no new events, then out with what was caused. */
static void stop_all(struct daemon *d)
{
    int64_t end = ecom_env_monotonic_ms(d->env) + d->settings.shutdown_timeout_ms;
    struct late hurry;
#define LEFT \
    ((int32_t)(end > ecom_env_monotonic_ms(d->env) ? end - ecom_env_monotonic_ms(d->env) : 0))

    late_start(&hurry, d, d->settings.shutdown_timeout_ms * 3 / 4, d->spec->hurry);
    ecom_http_server_stop(d->server, LEFT);
    if (d->consumer)
        ecom_consumer_stop(d->consumer, LEFT);
    late_end(&hurry);
    if (d->relay)
        ecom_relay_stop(d->relay, LEFT);
#undef LEFT
}

static void close_all(struct daemon *d, struct late *giving_up)
{
    ecom_http_server_free(d->server);
    ecom_consumer_free(d->consumer);
    ecom_relay_free(d->relay);
    if (d->spec->close)
        d->spec->close(d);
    ecom_bus_close(d->bus);
    ecom_store_close(d->store);
    late_end(giving_up);
    ecom_jwt_free(d->jwt);
    ecom_metrics_free(d->metrics);
    ecom_log_close(d->log);
    ecom_arena_free(d->arena);
}

/* Blocked before any thread is made, so that all inherit it, and only the wait below sees them. */
static void block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit is a full disk to who writes, and no end of the process */
}

/* A connection is a descriptor, and what shells and systemd give by default is about a thousand. */
static void raise_descriptors(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

/* SQLite counts the memory it has, under one lock of the whole process that each allocation takes.
 * Nobody asks it; a library would leave that to its program, which this is. */
static void set_up_sqlite(void)
{
#ifdef DAEMON_SQLITE
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
#endif
}

/* The line that scripts and supervisors wait for. */
static void print_started(const struct daemon *d)
{
    if (d->spec->title)
        printf("%s running on :%d\n", d->spec->title, (int)ecom_http_server_port(d->server));
    else
        printf("%s consuming %s\n", d->spec->name, setting(d, d->spec->topic).p);
    fflush(stdout);
}

static int serve(struct daemon *d, struct late *giving_up, ecom_error *err)
{
    sigset_t signals;
    int got = 0;

    block_signals(&signals);
    raise_descriptors();
    set_up_sqlite();
    umask(077); /* stores hold password hashes: what is made is for this user alone */
    int r = open_all(d, err);
    if (r == ECOM_OK)
        r = start_all(d, err);
    if (r < 0)
        return r;
    print_started(d);
    sigwait(&signals, &got);
    LOG(d, INFO, "draining", TEXT("signal", got == SIGTERM ? "SIGTERM" : "SIGINT"));
    late_start(giving_up, d, d->settings.shutdown_timeout_ms + CLOSING_MS, give_up);
    stop_all(d);
    LOG(d, INFO, "stopped", TEXT("version", ecom_version()));
    return ECOM_OK;
}

/* What was handed to it makes no sense, is not there, or nothing here can open it: that lies in the
 * settings, and a supervisor need not try again. */
static int exit_status(int r)
{
    return r == ECOM_E_INVAL || r == ECOM_E_NOTSUP || r == ECOM_E_NOTFOUND ? EXIT_CONFIG
                                                                           : ecom_code_of(r)->exit;
}

int daemon_main(const struct daemon_spec *spec, int argc, char **argv)
{
    struct daemon d = {.spec = spec, .env = ecom_env_system()};
    const char *env_file = NULL;
    int status = read_options(spec, argc, argv, &env_file);
    ecom_error e;

    if (status >= 0)
        return status;
    int r = load_settings(&d, env_file);
    if (r < 0 || (r = open_log(&d)) < 0) {
        ecom_arena_free(d.arena); /* with more memory it may start: that is no fault of settings */
        return r == ECOM_E_NOMEM ? ecom_code_of(r)->exit : EXIT_CONFIG;
    }
    tell_misspelt(&d, env_file);
    struct late giving_up = {0};
    r = serve(&d, &giving_up, &e);
    if (r < 0)
        LOG(&d, ERROR, "cannot start", TEXT("reason", e.text), TEXT("code", ecom_code_of(r)->name));
    close_all(&d, &giving_up);
    return r < 0 ? exit_status(r) : 0;
}
