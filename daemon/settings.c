#include "settings.h"

#include "libecom/base/dir.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const levels[] = {"debug", "info", "warn", "error", "off", NULL};
static const char *const formats[] = {"auto", "text", "color", "json", NULL};
static const char *const write_auths[] = {"jwt", "open", NULL};
static const char *const on_off[] = {"on", "off", NULL};
static const char *const off_on[] = {"off", "on", NULL};
static const char *const invalid_statuses[] = {"400", "422", NULL};
static const char *const declines[] = {"none", "all", NULL};
static const char *const lambda_types[] = {"RequestResponse", "Event", NULL};

#define SETTING(member_, name_, kind_, ...) \
    ECOM_FIELD(struct settings, member_, name_, kind_, __VA_ARGS__)
#define PORT(member_, name_, fallback_, doc_) \
    SETTING(member_, name_, INT, .max = 65535, .fallback = fallback_, .doc = doc_)

static const ecom_field fields[] = {
    SETTING(jwt_secret, "JWT_SECRET", STRING, .flags = ECOM_SECRET, .min = ECOM_JWT_MIN_SECRET,
            .max = ECOM_JWT_MAX_SECRET, .doc = "Signs tokens; the same for all services."),
    SETTING(jwt_previous_secret, "JWT_PREVIOUS_SECRET", STRING, .flags = ECOM_SECRET,
            .min = ECOM_JWT_MIN_SECRET, .max = ECOM_JWT_MAX_SECRET,
            .doc = "Still accepted while secrets rotate."),
    SETTING(jwt_issuer, "JWT_ISSUER", STRING, .min = 1, .max = 255, .fallback = "libecom",
            .doc = "The `iss` of tokens."),
    SETTING(jwt_ttl_s, "JWT_TTL_SECONDS", INT, .min = 60, .max = 31536000, .fallback = "86400",
            .doc = "Life of a token."),

    SETTING(kafka_servers, "KAFKA_BOOTSTRAP_SERVERS", STRING, .min = 1, .max = 2048,
            .doc = "host:port[,host:port]; unset: the embedded bus."),
    SETTING(kafka_key, "KAFKA_API_KEY", STRING, .min = 1, .max = 256,
            .doc = "Means SASL_SSL with PLAIN, as Confluent Cloud asks."),
    SETTING(kafka_secret, "KAFKA_API_SECRET", STRING, .flags = ECOM_SECRET, .min = 1, .max = 512,
            .doc = "Belongs to KAFKA_API_KEY."),
    SETTING(kafka_ca_file, "KAFKA_CA_FILE", STRING, .min = 1, .max = 1024,
            .doc = "PEM file of a private CA; means TLS. Unset: the system's CAs."),
    SETTING(kafka_prefix, "KAFKA_TOPIC_PREFIX", STRING, .min = 1, .max = 64,
            .doc = "Put before the names of topics and groups: several shops, one cluster."),
    SETTING(kafka_instance, "KAFKA_INSTANCE_ID", STRING, .min = 1, .max = 128,
            .doc = "A name for this process alone: its partitions wait for its restart."),
    SETTING(kafka_options, "KAFKA_OPTIONS", STRING, .flags = ECOM_SECRET, .min = 1, .max = 1024,
            .doc =
                "OPTION=VALUE[&OPTION=VALUE]...: librdkafka's, and ecom.partitions and the like; "
                "see docs/kafka.md."),
    SETTING(bus_url, "ECOM_BUS_URL", STRING, .flags = ECOM_SECRET, .min = 1, .max = 2048,
            .doc = "Any bus by its URL; wins over KAFKA_*."),
    SETTING(user_store, "USER_MONGODB_URI", STRING, .flags = ECOM_SECRET, .min = 1, .max = 2048,
            .doc = "The user service's store, mongodb:// or any store URL."),
    SETTING(product_store, "PRODUCT_MONGODB_URI", STRING, .flags = ECOM_SECRET, .min = 1,
            .max = 2048, .doc = "The product service's store."),
    SETTING(order_store, "ORDER_MONGODB_URI", STRING, .flags = ECOM_SECRET, .min = 1, .max = 2048,
            .doc = "The order service's store."),
    SETTING(payment_store, "PAYMENT_MONGODB_URI", STRING, .flags = ECOM_SECRET, .min = 1,
            .max = 2048, .doc = "The payment worker's store."),
    SETTING(notification_store, "NOTIFICATION_MONGODB_URI", STRING, .flags = ECOM_SECRET, .min = 1,
            .max = 2048, .doc = "The notification worker's store."),
    SETTING(data_dir, "ECOM_DATA_DIR", STRING, .min = 1, .max = 1024, .fallback = "./data",
            .doc = "Where embedded stores and the embedded bus lie."),

    SETTING(order_topic, "ORDER_EVENTS_TOPIC", STRING, .min = 1, .max = ECOM_BUS_MAX_NAME,
            .fallback = "order-events", .doc = "Topic of ORDER_CREATED."),
    SETTING(payment_topic, "PAYMENT_EVENTS_TOPIC", STRING, .min = 1, .max = ECOM_BUS_MAX_NAME,
            .fallback = "payment-events", .doc = "Topic of PAYMENT_COMPLETED and PAYMENT_FAILED."),
    SETTING(group, "ECOM_CONSUMER_GROUP", STRING, .min = 1, .max = 100,
            .doc = "Consumer groups are called NAME.DAEMON; unset: DAEMON."),

    SETTING(host, "ECOM_HOST", STRING, .min = 1, .max = 255, .fallback = "0.0.0.0",
            .doc = "Address to listen on."),
    SETTING(proxies, "TRUSTED_PROXIES", STRING, .min = 1, .max = 1024, .fallback = "127.0.0.1,::1",
            .doc = "Proxies whose X-Forwarded-For is believed, by commas; the gateway is one. "
                   "0.0.0.0: nobody's."),
    PORT(user_port, "USER_PORT", "3001", "User service; 0: any free port."),
    PORT(product_port, "PRODUCT_PORT", "3002", "Product service."),
    PORT(order_port, "ORDER_PORT", "3003", "Order service."),
    PORT(gateway_port, "GATEWAY_PORT", "4000", "GraphQL gateway."),
    PORT(payment_worker_port, "PAYMENT_WORKER_PORT", "3004",
         "Health and metrics of the payment worker."),
    PORT(notification_worker_port, "NOTIFICATION_WORKER_PORT", "3005",
         "Health and metrics of the notification worker."),
    SETTING(user_url, "USER_SERVICE_URL", STRING, .min = 1, .max = 1024,
            .doc = "Where the gateway finds it; unset: its port here."),
    SETTING(product_url, "PRODUCT_SERVICE_URL", STRING, .min = 1, .max = 1024, .doc = "Likewise."),
    SETTING(order_url, "ORDER_SERVICE_URL", STRING, .min = 1, .max = 1024, .doc = "Likewise."),

    SETTING(notification_url, "NOTIFICATION_WORKER_URL", STRING, .min = 1, .max = 1024,
            .doc = "Likewise, for the history of orders."),
    SETTING(gateway_subscriptions, "GATEWAY_SUBSCRIPTIONS", ENUM, .names = on_off, .fallback = "on",
            .doc = "off: the gateway uses no bus, and refuses subscriptions."),
    SETTING(gateway_max_streams, "GATEWAY_MAX_STREAMS", INT, .min = 1, .max = 1000000,
            .fallback = "1000", .doc = "Connections for subscriptions at a time; one more: 429."),

    SETTING(log_level, "LOG_LEVEL", ENUM, .names = levels, .fallback = "info",
            .doc = "Lines below it are not written."),
    SETTING(log_format, "LOG_FORMAT", ENUM, .names = formats, .fallback = "auto",
            .doc = "auto: coloured on a terminal, JSON lines otherwise."),
    SETTING(product_write_auth, "PRODUCT_WRITE_AUTH", ENUM, .names = write_auths, .fallback = "jwt",
            .doc = "open: POST /products without a token."),
    SETTING(rate_limit, "RATE_LIMIT", ENUM, .names = on_off, .fallback = "on",
            .doc = "off: no brake on failed logins, for load tests."),
    SETTING(payment_decline, "PAYMENT_DECLINE", ENUM, .names = declines, .fallback = "none",
            .doc = "all: the simulated provider declines everything."),
    SETTING(payment_decline_above, "PAYMENT_DECLINE_ABOVE", MONEY, .min = 1,
            .doc = "The simulated provider declines larger amounts."),
    SETTING(argon2_memory_kib, "ARGON2_MEMORY_KIB", INT, .min = 8192, .max = 1048576,
            .fallback = "19456", .doc = "Memory of a password hash."),
    SETTING(argon2_passes, "ARGON2_PASSES", INT, .min = 1, .max = 10, .fallback = "2",
            .doc = "Passes of a password hash."),
    SETTING(argon2_concurrency, "ARGON2_CONCURRENCY", INT, .min = 1, .max = 64, .fallback = "1",
            .doc = "Password hashes at a time; each takes ARGON2_MEMORY_KIB and a core."),
    SETTING(graphql_introspection, "GRAPHQL_INTROSPECTION", ENUM, .names = on_off, .fallback = "on",
            .doc = "off: __schema and __type are refused, and no names suggested."),
    SETTING(graphql_incremental, "GRAPHQL_INCREMENTAL", ENUM, .names = off_on, .fallback = "off",
            .doc = "on: the schema has @defer and @stream, and answers may come in parts."),
    SETTING(graphql_trusted, "GRAPHQL_TRUSTED_DOCUMENTS", STRING, .min = 1, .max = 1024,
            .doc = "JSON file of the only documents that run; unset: all do."),
    SETTING(graphql_max_batch, "GRAPHQL_MAX_BATCH", INT, .max = 100, .fallback = "0",
            .doc = "Requests in one body; 0: no batches."),
    SETTING(graphql_invalid_status, "GRAPHQL_INVALID_STATUS", ENUM, .names = invalid_statuses,
            .fallback = "400", .doc = "Of a document that is not valid; newer drafts have 422."),
    SETTING(graphql_max_depth, "GRAPHQL_MAX_DEPTH", INT, .min = 1, .max = 200, .fallback = "15",
            .doc = "Fields below each other."),
    SETTING(graphql_max_aliases, "GRAPHQL_MAX_ALIASES", INT, .min = 1, .max = 10000,
            .fallback = "50", .doc = "Aliases in a document."),
    SETTING(graphql_max_roots, "GRAPHQL_MAX_ROOT_FIELDS", INT, .min = 1, .max = 10000,
            .fallback = "50", .doc = "Fields of the root."),
    SETTING(graphql_max_directives, "GRAPHQL_MAX_DIRECTIVES", INT, .min = 1, .max = 10000,
            .fallback = "100", .doc = "Directives in a document."),
    SETTING(graphql_max_tokens, "GRAPHQL_MAX_TOKENS", INT, .min = 100, .max = 1000000,
            .fallback = "10000", .doc = "Words and signs in a document."),
    SETTING(graphql_max_cost, "GRAPHQL_MAX_COST", INT, .min = 1, .max = 1000000000,
            .fallback = "100000", .doc = "Fields, times the items of lists asked for."),
    SETTING(http_loops, "HTTP_LOOPS", INT, .min = 1, .max = 64, .fallback = "1",
            .doc = "Event loop threads."),
    SETTING(http_threads, "HTTP_THREADS", INT, .min = 1, .max = 256, .fallback = "64",
            .doc = "Handler threads, at most; made as they are needed."),
    SETTING(consumer_threads, "CONSUMER_THREADS", INT, .min = 1, .max = 256, .fallback = "32",
            .doc = "Events handled at a time."),
    SETTING(gateway_timeout_ms, "GATEWAY_TIMEOUT_MS", INT, .min = 100, .max = 60000,
            .fallback = "5000",
            .doc = "For a GraphQL request; fields still missing then are errors."),
    SETTING(shutdown_timeout_ms, "SHUTDOWN_TIMEOUT_MS", INT, .min = 100, .max = 600000,
            .fallback = "10000", .doc = "For what is in flight, after SIGTERM."),

    SETTING(payment_lambda, "PAYMENT_LAMBDA_NAME", STRING, .min = 1, .max = 340,
            .doc =
                "The payment worker invokes this function (name or ARN) instead of paying itself."),
    SETTING(notification_lambda, "NOTIFICATION_LAMBDA_NAME", STRING, .min = 1, .max = 340,
            .doc = "Likewise the notification worker."),
    SETTING(lambda_type, "LAMBDA_INVOCATION_TYPE", ENUM, .names = lambda_types,
            .fallback = "RequestResponse",
            .doc = "Event: done once AWS has the event; the payment function then needs a bus."),
    SETTING(lambda_timeout_ms, "LAMBDA_TIMEOUT_MS", INT, .min = 1000, .max = 900000,
            .fallback = "60000",
            .doc = "For one try of an invocation; longer than the function's."),
    SETTING(lambda_concurrency, "LAMBDA_CONCURRENCY", INT, .min = 1, .max = 1000, .fallback = "16",
            .doc = "Invocations at a time."),
    SETTING(lambda_retry_ms, "LAMBDA_RETRY_MS", INT, .min = 1, .max = 30000, .fallback = "1000",
            .doc = "Before an event is tried again on which the function failed; doubled by each."),
    SETTING(aws_region, "AWS_REGION", STRING, .max = 64, .doc = "Where functions are."),
    SETTING(aws_default_region, "AWS_DEFAULT_REGION", STRING, .max = 64,
            .doc = "If AWS_REGION is not set."),
    SETTING(aws_endpoint, "AWS_ENDPOINT_URL_LAMBDA", STRING, .max = 512,
            .doc = "Of another Lambda, such as 'ecom lambda serve'."),
    SETTING(aws_ca_bundle, "AWS_CA_BUNDLE", STRING, .max = 1024, .doc = "PEM file of CAs."),
    SETTING(aws_key_id, "AWS_ACCESS_KEY_ID", STRING, .max = 256,
            .doc = "Unset: the profile's, the container's or the machine's credentials."),
    SETTING(aws_secret_key, "AWS_SECRET_ACCESS_KEY", STRING, .flags = ECOM_SECRET, .max = 512,
            .doc = "Belongs to AWS_ACCESS_KEY_ID."),
    SETTING(aws_session_token, "AWS_SESSION_TOKEN", STRING, .flags = ECOM_SECRET, .max = 16384,
            .doc = "Likewise, of temporary credentials."),
    SETTING(aws_profile, "AWS_PROFILE", STRING, .max = 256, .doc = "Unset: default."),
    SETTING(aws_config_file, "AWS_CONFIG_FILE", STRING, .max = 1024,
            .doc = "Unset: ~/.aws/config."),
    SETTING(aws_credentials_file, "AWS_SHARED_CREDENTIALS_FILE", STRING, .max = 1024,
            .doc = "Unset: ~/.aws/credentials."),
    SETTING(home, "HOME", STRING, .max = 1024, .doc = "Where ~ is."),
    SETTING(aws_relative_uri, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", STRING, .max = 1024,
            .doc = "Set by ECS."),
    SETTING(aws_full_uri, "AWS_CONTAINER_CREDENTIALS_FULL_URI", STRING, .max = 1024,
            .doc = "Set by EKS and others."),
    SETTING(aws_token, "AWS_CONTAINER_AUTHORIZATION_TOKEN", STRING, .flags = ECOM_SECRET,
            .max = 16384, .doc = "Likewise."),
    SETTING(aws_token_file, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", STRING, .max = 1024,
            .doc = "Likewise."),
    SETTING(aws_metadata_endpoint, "AWS_EC2_METADATA_SERVICE_ENDPOINT", STRING, .max = 512,
            .doc = "Unset: http://169.254.169.254."),
    SETTING(aws_metadata_disabled, "AWS_EC2_METADATA_DISABLED", BOOL, .fallback = "false",
            .doc = "true: never ask the machine."),
};

const ecom_record settings_record = ECOM_RECORD("Settings", struct settings, fields);

const char *settings_name(size_t offset)
{
    size_t i = 0;

    while (i < settings_record.nfields - 1 && fields[i].offset != offset)
        i++;
    return fields[i].name;
}

static const char *from_environment(void *user, const char *name)
{
    (void)user;
    return getenv(name);
}

static int add_fault(ecom_buf *faults, const char *text)
{
    return ecom_buf_printf(faults, "%s\n", text) < 0 ? ECOM_E_NOMEM : ECOM_E_INVAL;
}

static const char *path_of(const char *env_file)
{
    return env_file ? env_file : ".env";
}

/* No file is fine, unless it was asked for. Of one with broken lines the others are read. */
static int read_file(const char *env_file, ecom_arena *arena, ecom_dotenv *file, ecom_buf *faults)
{
    const char *path = path_of(env_file);
    ecom_error e;
    int r = ecom_dotenv_read(path, arena, file, &e);

    if (r == ECOM_OK || (r == ECOM_E_NOTFOUND && !env_file))
        return ECOM_OK;
    if (!file->nfaults)
        return add_fault(faults, e.text);
    for (size_t i = 0; i < file->nfaults; i++)
        if (ecom_buf_printf(faults, "%s: line %u: %s\n", path, (unsigned)file->faults[i].line,
                            file->faults[i].why) < 0)
            return ECOM_E_NOMEM;
    return ECOM_E_INVAL;
}

/* The client of libecom-http speaks no TLS; a path comes behind the URL. */
static int is_service_url(ecom_str url)
{
    const size_t scheme = sizeof("http://") - 1;

    return url.n > scheme && strncasecmp(url.p, "http://", scheme) == 0 && url.p[scheme] != '/' &&
           !strpbrk(url.p, "?#@ ");
}

/* The bus says so only of a `topic`, and of some not before they are used. */
static int is_bus_name(ecom_str name)
{
    return ecom_bus_name_check("name", name, NULL) == ECOM_OK;
}

static int check_texts(const struct settings *settings, ecom_buf *faults)
{
    static const char url_rule[] = "must be http://HOST[:PORT]";
    static const char name_rule[] = "may have letters, digits, '.', '_' and '-'";
    const struct {
        const char *name;
        ecom_str value;
        int (*holds)(ecom_str value);
        const char *rule;
    } texts[] = {
        {"USER_SERVICE_URL", settings->user_url, is_service_url, url_rule},
        {"PRODUCT_SERVICE_URL", settings->product_url, is_service_url, url_rule},
        {"ORDER_SERVICE_URL", settings->order_url, is_service_url, url_rule},
        {"NOTIFICATION_WORKER_URL", settings->notification_url, is_service_url, url_rule},
        {"ORDER_EVENTS_TOPIC", settings->order_topic, is_bus_name, name_rule},
        {"PAYMENT_EVENTS_TOPIC", settings->payment_topic, is_bus_name, name_rule},
        {"ECOM_CONSUMER_GROUP", settings->group, is_bus_name, name_rule},
    };
    char text[96];
    int r = ECOM_OK;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!texts[i].value.n || texts[i].holds(texts[i].value))
            continue;
        snprintf(text, sizeof(text), "%s: %s", texts[i].name, texts[i].rule);
        r = add_fault(faults, text);
    }
    return r;
}

/* What no field can check alone. */
static int check_together(const struct settings *settings, settings_proxies_fn check_proxies,
                          ecom_buf *faults)
{
    char text[sizeof("TRUSTED_PROXIES") + sizeof(((ecom_error *)0)->text)];
    int r = check_texts(settings, faults);
    ecom_error e;

    if (settings->kafka_key.n && !settings->kafka_secret.n)
        r = add_fault(faults, "KAFKA_API_SECRET: must be set with KAFKA_API_KEY");
    if (settings->kafka_servers.n && strpbrk(settings->kafka_servers.p, "/?"))
        r = add_fault(faults, "KAFKA_BOOTSTRAP_SERVERS: must be host:port[,host:port]..., without "
                              "SASL_SSL:// or options");
    if (settings->kafka_secret.n && !settings->kafka_key.n)
        r = add_fault(faults, "KAFKA_API_KEY: must be set with KAFKA_API_SECRET");
    if (settings->proxies.n && check_proxies && check_proxies(settings->proxies.p, &e) < 0) {
        snprintf(text, sizeof(text), "TRUSTED_PROXIES%s", e.text + strlen(e.field));
        r = add_fault(faults, text);
    }
    return r;
}

static int is_set(const char *name, const ecom_dotenv *file)
{
    const char *value = getenv(name);
    int set = value && *value;

    for (size_t i = 0; !set && i < file->n; i++)
        set = file->pairs[i].value.n && ecom_str_eq(file->pairs[i].name, ecom_str_of(name));
    return set;
}

static int need_secret(const ecom_dotenv *file, ecom_buf *faults)
{
    char text[128];

    if (is_set("JWT_SECRET", file))
        return ECOM_OK;
    snprintf(text, sizeof(text),
             "JWT_SECRET: must be set, at least %d bytes; make one with 'openssl rand -hex 32'",
             ECOM_JWT_MIN_SECRET);
    return add_fault(faults, text);
}

int settings_load(const char *env_file, int needs_secret, settings_proxies_fn check_proxies,
                  ecom_arena *arena, struct settings *out, ecom_buf *faults)
{
    ecom_dotenv file = {0};
    int from_file = read_file(env_file, arena, &file, faults);
    int each =
        ecom_config_read(&settings_record, from_environment, NULL, &file, arena, out, faults);

    if (from_file < 0 ||
        each == ECOM_E_NOMEM) /* what seems to be missing may be in a broken line */
        return from_file < 0 ? from_file : each;
    int together = check_together(out, check_proxies, faults);
    int secret = needs_secret ? need_secret(&file, faults) : ECOM_OK;
    return each < 0 ? each : together < 0 ? together : secret;
}

/* Capital letters or not makes no difference. */
static int same_letter(char a, char b)
{
    return (a | 0x20) == (b | 0x20);
}

/* Truth: one letter is another one, up to two are missing or too many, or two have changed places.
 * Short names are like each other by chance. */
static int is_like(ecom_str a, ecom_str b)
{
    while (a.n && b.n && same_letter(*a.p, *b.p))
        a = (ecom_str){a.p + 1, a.n - 1}, b = (ecom_str){b.p + 1, b.n - 1};
    while (a.n && b.n && same_letter(a.p[a.n - 1], b.p[b.n - 1]))
        a.n--, b.n--;
    return a.n + b.n <= 2 ||
           (a.n == 2 && b.n == 2 && same_letter(a.p[0], b.p[1]) && same_letter(a.p[1], b.p[0]));
}

/* The setting whose name this may have been meant to be; NULL: none, or it is one. */
static const char *meant(ecom_str name)
{
    enum { SHORT = 6 };
    const char *like = NULL;

    for (size_t i = 0; i < settings_record.nfields; i++) {
        ecom_str known = ecom_str_of(fields[i].name);
        if (ecom_str_eq(known, name))
            return NULL;
        if (known.n >= SHORT && is_like(known, name))
            like = fields[i].name;
    }
    return like;
}

int settings_misspelt(const char *env_file, ecom_arena *arena, ecom_buf *out)
{
    ecom_dotenv file = {0};
    int r = ecom_dotenv_read(path_of(env_file), arena, &file, NULL);

    for (size_t i = 0; r != ECOM_E_NOMEM && i < file.n; i++) {
        const ecom_dotenv_pair *pair = &file.pairs[i];
        const char *like = meant(pair->name);
        if (like && ecom_buf_printf(out, "%s: line %u: %.*s is no setting: is %s meant?\n",
                                    path_of(env_file), (unsigned)pair->line, (int)pair->name.n,
                                    pair->name.p, like) < 0)
            r = ECOM_E_NOMEM;
    }
    return r == ECOM_E_NOMEM ? r : ECOM_OK;
}

int settings_make_data_dir(const struct settings *settings, const char *url, ecom_error *err)
{
    const char *dir = settings->data_dir.p;

    if (strncmp(url, "sqlite:", 7) == 0 && ecom__make_dir(dir, 0700) < 0)
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "ECOM_DATA_DIR: cannot make %s: %s", dir,
                         strerror(errno));
    return ECOM_OK;
}

static const char *print(ecom_arena *arena, const char *fmt, ...) ECOM_PRINTF(2, 3);
static const char *print(ecom_arena *arena, const char *fmt, ...)
{
    char text[4096];
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return n < 0 ? NULL : ecom_arena_copy(arena, ecom_str_of(text)).p;
}

const char *settings_store_url(const struct settings *settings, ecom_str configured,
                               const char *name, ecom_arena *arena)
{
    if (configured.n)
        return configured.p;
    return print(arena, "sqlite:%s/%s.db", settings->data_dir.p, name);
}

/* `name=value`, percent-encoded. */
static int add_option(ecom_buf *url, const char *name, ecom_str value)
{
    int r = ecom_buf_printf(url, "%c%s=", strchr(url->p, '?') ? '&' : '?', name);

    for (size_t i = 0; i < value.n && r == ECOM_OK; i++) {
        unsigned char c = (unsigned char)value.p[i];
        int plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    strchr("-._~/", c);
        r = ecom_buf_printf(url, plain ? "%c" : "%%%02X", c);
    }
    return r;
}

/* A key means SASL_SSL and PLAIN, as Confluent Cloud asks; a CA without one TLS alone. */
static const char *kafka_url(const struct settings *settings, ecom_arena *arena)
{
    ecom_buf url = {0};
    const char *copy = NULL;

    int r = ecom_buf_printf(&url, "kafka://%s", settings->kafka_servers.p);
    if (r == ECOM_OK && (settings->kafka_key.n || settings->kafka_ca_file.n))
        r = add_option(&url, "security.protocol",
                       ecom_str_of(settings->kafka_key.n ? "SASL_SSL" : "SSL"));
    if (r == ECOM_OK && settings->kafka_key.n)
        r = add_option(&url, "sasl.mechanisms", ecom_str_of("PLAIN"));
    if (r == ECOM_OK && settings->kafka_key.n)
        r = add_option(&url, "sasl.username", settings->kafka_key);
    if (r == ECOM_OK && settings->kafka_key.n)
        r = add_option(&url, "sasl.password", settings->kafka_secret);
    if (r == ECOM_OK && settings->kafka_ca_file.n)
        r = add_option(&url, "ssl.ca.location", settings->kafka_ca_file);
    if (r == ECOM_OK && settings->kafka_prefix.n)
        r = add_option(&url, "ecom.topic.prefix", settings->kafka_prefix);
    if (r == ECOM_OK && settings->kafka_instance.n)
        r = add_option(&url, "group.instance.id", settings->kafka_instance);
    if (r == ECOM_OK && settings->kafka_options.n)
        r = ecom_buf_printf(&url, "%c%s", strchr(url.p, '?') ? '&' : '?',
                            settings->kafka_options.p);
    if (r == ECOM_OK)
        copy = ecom_arena_copy(arena, ecom_buf_str(&url)).p;
    ecom_buf_free(&url);
    return copy;
}

const char *settings_bus_url(const struct settings *settings, ecom_arena *arena)
{
    if (settings->bus_url.n)
        return settings->bus_url.p;
    if (settings->kafka_servers.n)
        return kafka_url(settings, arena);
    return print(arena, "sqlite:%s/bus", settings->data_dir.p);
}

const char *settings_service_url(ecom_str configured, int64_t port, ecom_arena *arena)
{
    while (configured.n && configured.p[configured.n - 1] == '/') /* the path has its own */
        configured.n--;
    return configured.n ? print(arena, "%.*s", (int)configured.n, configured.p)
                        : print(arena, "http://127.0.0.1:%d", (int)port);
}

/* A file under the home folder; NULL: none. -1: no memory. */
static int home_file(const struct settings *settings, ecom_str configured, const char *name,
                     ecom_arena *arena, const char **out)
{
    *out = configured.n ? configured.p : NULL;
    if (*out || !settings->home.n)
        return 0;
    return (*out = print(arena, "%s/.aws/%s", settings->home.p, name)) ? 0 : -1;
}

int settings_aws(const struct settings *settings, ecom_arena *arena, ecom_aws_options *out)
{
    const struct settings *s = settings;

    *out = (ecom_aws_options){
        .size = sizeof(*out),
        .region = s->aws_region.n ? s->aws_region.p : s->aws_default_region.p,
        .endpoint = s->aws_endpoint.p,
        .ca_bundle = s->aws_ca_bundle.p,
        .access_key_id = s->aws_key_id.p,
        .secret_access_key = s->aws_secret_key.p,
        .session_token = s->aws_session_token.p,
        .profile = s->aws_profile.p,
        .container_relative_uri = s->aws_relative_uri.p,
        .container_full_uri = s->aws_full_uri.p,
        .container_token = s->aws_token.p,
        .container_token_file = s->aws_token_file.p,
        .metadata_endpoint = s->aws_metadata_endpoint.p,
        .metadata_disabled = s->aws_metadata_disabled,
        .concurrency = (uint32_t)s->lambda_concurrency,
        .timeout_ms = (int32_t)s->lambda_timeout_ms,
    };
    if (home_file(s, s->aws_config_file, "config", arena, &out->config_file) < 0 ||
        home_file(s, s->aws_credentials_file, "credentials", arena, &out->credentials_file) < 0)
        return ECOM_E_NOMEM;
    return ECOM_OK;
}
