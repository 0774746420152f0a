/* The whole way, as a customer goes it, against running services; and a timeline of what happened,
 * read off the bus. */
#include "cli.h"

#include <ecom/http.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DEADLINE_MS = 30000, POLL_MS = 50, EVENTS_AN_ORDER = 2 };

struct demo {
    const ecom_env *env;
    ecom_arena *arena;
    struct settings settings;
    struct cli_colors colors;
    ecom_http_client *client;
    ecom_bus *bus;
    ecom_member *member;
    int64_t start_us;
    ecom_id correlation_id;
    ecom_str authorization; /* "Bearer ..." */
    ecom_str order_id;
    int events_seen; /* of that order */
};

/* One line of the timeline: when, what, and the outcome. */
static void line(const struct demo *d, const char *what, const char *fmt, ...) ECOM_PRINTF(3, 4);
static void line(const struct demo *d, const char *what, const char *fmt, ...)
{
    int64_t us = d->env->monotonic_us(d->env->self) - d->start_us;
    char outcome[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(outcome, sizeof(outcome), fmt, args);
    va_end(args);
    printf("%s%6d.%d ms%s  %-34s %s\n", d->colors.dim, (int)(us / 1000), (int)(us % 1000 / 100),
           d->colors.reset, what, outcome);
}

static int complain(const struct demo *d, const char *what, const ecom_error *e)
{
    fflush(stdout);
    fprintf(stderr, "%secom demo: %s: %s%s\n", d->colors.red, what, e->text, d->colors.reset);
    return -1;
}

/* A call as the demo makes all of them: JSON in and out, with the token and the correlation id. */
static int call(struct demo *d, const char *method, const char *base, const char *path,
                ecom_str body, const ecom_json **out, int32_t *status, ecom_error *e)
{
    ecom_buf url = {0};
    const ecom_header headers[] = {
        {ecom_str_of("x-correlation-id"), ecom_str_of(d->correlation_id.s)},
        {ecom_str_of("content-type"), ecom_str_of("application/json")},
        {ecom_str_of("authorization"), d->authorization},
    };
    ecom_http_answer answer;

    if (!base || ecom_buf_printf(&url, "%s%s", base, path) < 0)
        return ecom_fail(e, ECOM_E_NOMEM, "%s", path);
    const ecom_http_call request = {
        .method = method,
        .url = url.p,
        .headers = headers,
        .nheaders = d->authorization.n ? 3 : 2,
        .body = body,
    };
    int r = ecom_http_client_send(d->client, &request, d->arena, &answer, e);
    if (r == ECOM_OK && answer.status >= 400)
        r = ecom_http_answer_error(&answer, e);
    if (r == ECOM_OK)
        r = ecom_json_parse(answer.body, NULL, d->arena, out, e);
    if (r == ECOM_OK)
        *status = answer.status;
    ecom_buf_free(&url);
    return r;
}

static ecom_str member(const ecom_json *object, const char *name)
{
    const ecom_json *value = ecom_json_get(object, name);

    return value ? value->text : (ecom_str){"", 0};
}

static const char *user_url(struct demo *d)
{
    return settings_service_url(d->settings.user_url, d->settings.user_port, d->arena);
}

static const char *product_url(struct demo *d)
{
    return settings_service_url(d->settings.product_url, d->settings.product_port, d->arena);
}

static const char *order_url(struct demo *d)
{
    return settings_service_url(d->settings.order_url, d->settings.order_port, d->arena);
}

/* Registers and logs in; the user's id is needed for the GraphQL mutation. */
static int sign_up(struct demo *d, ecom_str *user_id)
{
    char body[256];
    const ecom_json *answer;
    ecom_buf bearer = {0};
    int32_t status;
    ecom_error e;
    ecom_id password = ecom_id_new(d->env);

    snprintf(body, sizeof(body),
             "{\"email\":\"demo-%s@example.com\",\"password\":\"%s\",\"name\":\"Demo\"}",
             d->correlation_id.s, password.s);
    if (call(d, "POST", user_url(d), "/auth/register", ecom_str_of(body), &answer, &status, &e) <
        0) {
        complain(d, "POST /auth/register", &e);
        if (e.code == ECOM_E_UNAVAILABLE)
            fprintf(stderr, "Is the shop running? 'ecom up' starts it, 'ecom doctor' says what is "
                            "missing.\n");
        return -1;
    }
    *user_id = member(answer, "id");
    line(d, "POST /auth/register", "%d  user %.*s", (int)status, (int)user_id->n, user_id->p);

    if (call(d, "POST", user_url(d), "/auth/login", ecom_str_of(body), &answer, &status, &e) < 0)
        return complain(d, "POST /auth/login", &e);
    line(d, "POST /auth/login", "%d  token of %zu bytes", (int)status, member(answer, "token").n);
    if (ecom_buf_printf(&bearer, "Bearer ") < 0 ||
        ecom_buf_append(&bearer, member(answer, "token")) < 0)
        return -1;
    d->authorization = ecom_arena_copy(d->arena, ecom_buf_str(&bearer));
    ecom_buf_free(&bearer);
    return 0;
}

static int sell(struct demo *d)
{
    static const char body[] = "{\"name\":\"Blue teapot\",\"price\":19.99,\"stock\":10}";
    const ecom_json *answer;
    int32_t status;
    ecom_error e;

    if (call(d, "POST", product_url(d), "/products", ecom_str_of(body), &answer, &status, &e) < 0)
        return complain(d, "POST /products", &e);
    line(d, "POST /products", "%d  product %.*s", (int)status, (int)member(answer, "id").n,
         member(answer, "id").p);
    return 0;
}

static int order_by_rest(struct demo *d)
{
    const ecom_json *answer;
    int32_t status;
    ecom_error e;

    if (call(d, "POST", order_url(d), "/orders", ecom_str_of("{\"amount\":19.99}"), &answer,
             &status, &e) < 0)
        return complain(d, "POST /orders", &e);
    d->order_id = member(answer, "id");
    line(d, "POST /orders", "%d  order %.*s is %.*s", (int)status, (int)d->order_id.n,
         d->order_id.p, (int)member(answer, "status").n, member(answer, "status").p);
    return 0;
}

static int order_by_graphql(struct demo *d, ecom_str user_id)
{
    static const char format[] =
        "{\"query\":\"mutation CreateOrder($userId: String!, $amount: Float!) { "
        "createOrder(userId: $userId, amount: $amount) { id status userId amount } }\","
        "\"variables\":{\"userId\":\"%.*s\",\"amount\":42.5}}";
    const char *gateway =
        settings_service_url((ecom_str){"", 0}, d->settings.gateway_port, d->arena);
    const ecom_json *answer, *order;
    char body[512];
    int32_t status;
    ecom_error e;

    snprintf(body, sizeof(body), format, (int)user_id.n, user_id.p);
    if (call(d, "POST", gateway, "/graphql", ecom_str_of(body), &answer, &status, &e) < 0)
        return complain(d, "POST /graphql", &e);
    order = ecom_json_get(ecom_json_get(answer, "data"), "createOrder");
    if (!order || order->kind != ECOM_JSON_OBJECT) {
        const ecom_json *errors = ecom_json_get(answer, "errors");
        ecom_str why = member(errors ? errors->first : NULL, "message");
        ecom_fail(&e, ECOM_E_BACKEND, "%.*s", (int)why.n, why.p);
        return complain(d, "POST /graphql", &e);
    }
    d->order_id = member(order, "id");
    line(d, "POST /graphql createOrder", "%d  order %.*s is %.*s", (int)status, (int)d->order_id.n,
         d->order_id.p, (int)member(order, "status").n, member(order, "status").p);
    return 0;
}

/* A message of our order: into the timeline. */
static int show_event(void *user, const ecom_msg *msg)
{
    struct demo *d = user;
    ecom_str topic = msg->topic;
    const ecom_json *event;
    char what[160];
    ecom_error e;

    if (!ecom_str_eq(msg->key, d->order_id))
        return 0;
    if (ecom_json_parse(msg->body, NULL, d->arena, &event, &e) < 0)
        return 0;
    d->events_seen++;
    snprintf(what, sizeof(what), "%s%.*s%s", d->colors.yellow, (int)member(event, "type").n,
             member(event, "type").p, d->colors.reset);
    line(d, what, "%.*s[%d] offset %lld", (int)topic.n, topic.p, (int)msg->partition,
         (long long)msg->offset);
    return 0;
}

static int64_t left_ms(const struct demo *d, int64_t since_ms)
{
    return since_ms + DEADLINE_MS - ecom_env_monotonic_ms(d->env);
}

static int follow_events(struct demo *d, int64_t since_ms)
{
    ecom_error e;

    while (d->events_seen < EVENTS_AN_ORDER) {
        int r = ecom_member_poll(d->member, POLL_MS, 100, show_event, d, &e);
        if (r < 0 && r != ECOM_E_TIMEOUT)
            return complain(d, "reading the bus", &e);
        if (left_ms(d, since_ms) <= 0) {
            ecom_fail(&e, ECOM_E_TIMEOUT, "no payment event within %d s; are the workers up?",
                      DEADLINE_MS / 1000);
            return complain(d, "waiting", &e);
        }
    }
    return 0;
}

/* Asks again until `done` says so of the answer; the wait in between is a poll of the bus. */
static int ask_until(struct demo *d, const char *base, const char *path, int64_t since_ms,
                     int (*done)(const ecom_json *answer), const ecom_json **answer)
{
    int32_t status;
    ecom_error e;

    for (;;) {
        if (call(d, "GET", base, path, (ecom_str){"", 0}, answer, &status, &e) < 0)
            return complain(d, path, &e);
        if (done(*answer))
            return 0;
        if (left_ms(d, since_ms) <= 0) {
            ecom_fail(&e, ECOM_E_TIMEOUT, "still the same after %d s", DEADLINE_MS / 1000);
            return complain(d, path, &e);
        }
        if (ecom_member_poll(d->member, POLL_MS, 100, show_event, d, &e) == ECOM_E_CLOSED)
            return complain(d, "reading the bus", &e);
    }
}

static int is_settled(const ecom_json *order)
{
    return !ecom_str_eq(member(order, "status"), ecom_str_of("PENDING"));
}

static int is_notified(const ecom_json *answer)
{
    const ecom_json *items = ecom_json_get(answer, "items");

    return items && items->first &&
           ecom_str_eq(member(items->first, "status"), ecom_str_of("SENT"));
}

static int follow_order(struct demo *d)
{
    const char *worker =
        settings_service_url((ecom_str){"", 0}, d->settings.notification_worker_port, d->arena);
    int64_t since_ms = ecom_env_monotonic_ms(d->env);
    const ecom_json *answer;
    char path[128];

    d->events_seen = 0;
    if (follow_events(d, since_ms) < 0)
        return -1;
    snprintf(path, sizeof(path), "/notifications?orderId=%.*s", (int)d->order_id.n, d->order_id.p);
    if (ask_until(d, worker, path, since_ms, is_notified, &answer) < 0)
        return -1;
    line(d, "notification", "sent");
    snprintf(path, sizeof(path), "/orders/%.*s", (int)d->order_id.n, d->order_id.p);
    if (ask_until(d, order_url(d), path, since_ms, is_settled, &answer) < 0)
        return -1;
    ecom_str status = member(answer, "status");
    int paid = ecom_str_eq(status, ecom_str_of("PAID"));
    line(d, "order", "%s%s%.*s%s", d->colors.bold, paid ? d->colors.green : d->colors.red,
         (int)status.n, status.p, d->colors.reset);
    return paid ? 0 : -1;
}

/* Looks on at the bus from now on, in no group. */
static int open_bus(struct demo *d, ecom_error *e)
{
    const ecom_str topics[] = {d->settings.order_topic, d->settings.payment_topic};
    const ecom_subscription sub = {
        .size = sizeof(sub),
        .topics = topics,
        .ntopics = 2,
        .start = ECOM_START_LATEST,
    };
    const char *url = settings_bus_url(&d->settings, d->arena);
    int r = url ? settings_make_data_dir(&d->settings, url, e) : ECOM_E_NOMEM;

    if (r == ECOM_OK)
        r = ecom_bus_open(url, NULL, &d->bus, e);

    if (r == ECOM_OK)
        r = ecom_bus_subscribe(d->bus, &sub, &d->member, e);
    if (r == ECOM_OK) { /* the first poll fixes where `latest` is */
        r = ecom_member_poll(d->member, 0, 100, show_event, d, e);
        r = r < 0 && r != ECOM_E_TIMEOUT ? r : ECOM_OK;
    }
    return r;
}

static int run(struct demo *d)
{
    const ecom_http_client_options opts = {.size = sizeof(opts)};
    ecom_str user_id;
    ecom_error e;

    if (ecom_http_client_new(&opts, &d->client, &e) < 0 || open_bus(d, &e) < 0)
        return complain(d, "starting", &e);
    d->start_us = d->env->monotonic_us(d->env->self);
    printf("%scorrelation id %s%s\n", d->colors.bold, d->correlation_id.s, d->colors.reset);
    if (sign_up(d, &user_id) < 0 || sell(d) < 0 || order_by_rest(d) < 0 || follow_order(d) < 0)
        return -1;
    return order_by_graphql(d, user_id) < 0 || follow_order(d) < 0 ? -1 : 0;
}

static const char help[] =
    "Usage: ecom demo [--env-file FILE]\n\n"
    "Registers a user, logs in, creates a product, orders over REST and over\n"
    "GraphQL, and follows each order until it is PAID and the notification is out,\n"
    "against the running services. Prints a timeline. Exit status 0: both orders are\n"
    "PAID and notified; 1: something is amiss.\n";

int cli_demo(int argc, char **argv)
{
    struct demo d = {.env = ecom_env_system()};
    struct cli_args args = {.follow = -1, .words = -1};
    int status = cli_read_args(argc, argv, help, &args);

    if (status >= 0)
        return status;
    d.arena = ecom_arena_new(0);
    d.colors = cli_colors(STDOUT_FILENO);
    d.correlation_id = ecom_id_new(d.env);
    if (!d.arena || cli_settings(args.env_file, 0, d.arena, &d.settings) < 0)
        status = CLI_CONFIG;
    else
        status = run(&d) < 0;
    ecom_member_close(d.member);
    ecom_bus_close(d.bus);
    ecom_http_client_free(d.client);
    ecom_arena_free(d.arena);
    return status;
}
