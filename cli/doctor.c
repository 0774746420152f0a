/* Says what is configured, reachable and missing, a line each, and how to put it right. */
#include "cli.h"

#include <ecom/http.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STORE_MS = 20000 }; /* a tenth of it is for a database's host to be found and reached */

struct doctor {
    ecom_arena *arena;
    struct settings settings;
    struct cli_colors colors;
    ecom_http_client *client;
    int missing;
};

static void report(struct doctor *d, int ok, const char *what, const char *detail)
{
    printf("%s%s%s  %-24s %s\n", ok ? d->colors.green : d->colors.red, ok ? "ok     " : "missing",
           d->colors.reset, what, detail);
    d->missing += !ok;
}

/* The scheme is for everybody's eyes, what follows may hold a password. */
static const char *scheme_of(const char *url, char out[40])
{
    size_t n = strcspn(url, ":");

    if (strncmp(url, "sqlite:", 7) == 0 || strncmp(url, "memory:", 7) == 0)
        return url;
    snprintf(out, 40, "%.*s:...", n < 32 ? (int)n : 32, url);
    return out;
}

static void check_secret(struct doctor *d)
{
    char text[80];

    if (d->settings.jwt_secret.n == 0) {
        report(d, 0, "JWT_SECRET", "not set: make one with 'openssl rand -hex 32'");
        return;
    }
    snprintf(text, sizeof(text), "set, %zu bytes", d->settings.jwt_secret.n);
    report(d, 1, "JWT_SECRET", text);
}

static void check_store(struct doctor *d, const char *name, ecom_str configured)
{
    const char *url = settings_store_url(&d->settings, configured, name, d->arena);
    char what[64], text[512], scheme[40];
    ecom_store_options opts = ECOM_STORE_OPTIONS_INIT;
    ecom_store *store = NULL;
    ecom_error e = {0};

    opts.timeout_ms = STORE_MS;
    snprintf(what, sizeof(what), "store of %s", name);
    int r = url ? settings_make_data_dir(&d->settings, url, &e) : ECOM_E_NOMEM;
    if (r == ECOM_OK)
        r = ecom_store_open(url, &opts, &store, &e);
    if (r == ECOM_OK)
        r = ecom_store_ping(store, &e);
    snprintf(text, sizeof(text), "%.200s%s%s", url ? scheme_of(url, scheme) : "", r < 0 ? ": " : "",
             r < 0 ? e.text : "");
    report(d, r == ECOM_OK, what, text);
    ecom_store_close(store);
}

static int count_topic(void *user, const ecom_msg *topic)
{
    (void)topic;
    ++*(int *)user;
    return 0;
}

static void check_bus(struct doctor *d)
{
    const char *url = settings_bus_url(&d->settings, d->arena);
    char text[512], scheme[40];
    ecom_bus *bus = NULL;
    ecom_error e = {0};
    int topics = 0;
    int r = url ? settings_make_data_dir(&d->settings, url, &e) : ECOM_E_NOMEM;

    if (r == ECOM_OK)
        r = ecom_bus_open(url, NULL, &bus, &e);
    if (r == ECOM_OK)
        r = ecom_bus_ping(bus, &e);
    if (r == ECOM_OK)
        r = ecom_bus_topics(bus, count_topic, &topics, &e);
    if (r == ECOM_OK)
        snprintf(text, sizeof(text), "%.200s, %d topic%s", scheme_of(url, scheme), topics,
                 topics == 1 ? "" : "s");
    else
        snprintf(text, sizeof(text), "%.200s: %s", url ? scheme_of(url, scheme) : "", e.text);
    report(d, r == ECOM_OK, "bus", text);
    ecom_bus_close(bus);
}

/* What /readyz says when it is not ready. */
struct readiness {
    ecom_str reason;
};

static int why_not_ready(struct doctor *d, const ecom_http_answer *answer, ecom_error *err)
{
    static const ecom_field fields[] = {
        ECOM_FIELD(struct readiness, reason, "reason", STRING, .flags = ECOM_REQUIRED, .min = 1),
    };
    static const ecom_record record = ECOM_RECORD("Readiness", struct readiness, fields);
    struct readiness it;

    if (ecom_record_read(&record, answer->body, NULL, d->arena, &it, NULL) < 0)
        return ecom_http_answer_error(answer, err);
    return ecom_fail(err, ECOM_E_UNAVAILABLE, "%.*s", (int)it.reason.n, it.reason.p);
}

static void check_service(struct doctor *d, const char *name, const char *base)
{
    ecom_buf url = {0};
    ecom_http_answer answer;
    ecom_error e = {0};
    char text[512];
    int r = base ? ecom_buf_printf(&url, "%s/readyz", base) : ECOM_E_NOMEM;
    const ecom_http_call call = {.method = "GET", .url = url.p, .timeout_ms = 2000};

    if (r == ECOM_OK)
        r = ecom_http_client_send(d->client, &call, d->arena, &answer, &e);
    if (r == ECOM_OK && answer.status != 200)
        r = why_not_ready(d, &answer, &e);
    snprintf(text, sizeof(text), "%.200s%s%s", base ? base : "", r < 0 ? ": " : "",
             r < 0 ? e.text : "");
    report(d, r == ECOM_OK, name, text);
    ecom_buf_free(&url);
}

static void check_services(struct doctor *d)
{
    const struct settings *s = &d->settings;
    const struct {
        const char *name;
        ecom_str url;
        int64_t port;
    } services[] = {
        {"user-service", s->user_url, s->user_port},
        {"product-service", s->product_url, s->product_port},
        {"order-service", s->order_url, s->order_port},
        {"graphql-gateway", {"", 0}, s->gateway_port},
        {"payment-worker", {"", 0}, s->payment_worker_port},
        {"notification-worker", {"", 0}, s->notification_worker_port},
    };

    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
        check_service(d, services[i].name,
                      settings_service_url(services[i].url, services[i].port, d->arena));
}

static int examine(struct doctor *d)
{
    const ecom_http_client_options opts = {.size = sizeof(opts), .max_tries = 1};
    ecom_error e;

    if (ecom_http_client_new(&opts, &d->client, &e) < 0) {
        fprintf(stderr, "ecom doctor: %s\n", e.text);
        return ecom_code_of(e.code)->exit;
    }
    check_secret(d);
    check_store(d, "user", d->settings.user_store);
    check_store(d, "product", d->settings.product_store);
    check_store(d, "order", d->settings.order_store);
    check_store(d, "payment", d->settings.payment_store);
    check_store(d, "notification", d->settings.notification_store);
    check_bus(d);
    check_services(d);
    if (d->missing)
        printf("\n%d missing. 'ecom up' starts the daemons; '--help' of any daemon lists all "
               "settings.\n",
               d->missing);
    return d->missing ? 1 : 0;
}

static const char help[] =
    "Usage: ecom doctor [--env-file FILE]\n\n"
    "Says what is configured, reachable and missing: the secret, each service's\n"
    "store, the bus, and whether each daemon is ready. Changes nothing, but makes\n"
    "embedded stores that are not there yet. Exit status 0: nothing is missing;\n"
    "1: something is; 78: the settings are wrong.\n";

int cli_doctor(int argc, char **argv)
{
    struct doctor d = {.colors = cli_colors(STDOUT_FILENO)};
    struct cli_args args = {.follow = -1, .words = -1};
    int status = cli_read_args(argc, argv, help, &args);

    if (status >= 0)
        return status;
    umask(077); /* as the daemons have it: it may be the one that makes their stores */
    d.arena = ecom_arena_new(0);
    status = !d.arena || cli_settings(args.env_file, 0, d.arena, &d.settings) < 0 ? CLI_CONFIG
                                                                                  : examine(&d);
    ecom_http_client_free(d.client);
    ecom_arena_free(d.arena);
    return status;
}
