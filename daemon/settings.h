/* The settings of all executables: one table, read from the environment and `.env`. */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include <ecom/aws.h>
#include <ecom/ecom.h>

/* Strings are NUL-terminated, and empty when not set. */
struct settings {
    ecom_str jwt_secret, jwt_previous_secret, jwt_issuer;
    int64_t jwt_ttl_s;

    ecom_str kafka_servers, kafka_key, kafka_secret, kafka_ca_file, kafka_prefix, kafka_instance,
        kafka_options, bus_url;
    ecom_str user_store, product_store, order_store, payment_store, notification_store;
    ecom_str data_dir;
    ecom_str order_topic, payment_topic, group;

    ecom_str host, proxies;
    int64_t user_port, product_port, order_port, gateway_port;
    int64_t payment_worker_port, notification_worker_port;
    ecom_str user_url, product_url, order_url, notification_url;
    int32_t gateway_subscriptions;
    int64_t gateway_max_streams;

    int32_t log_level, log_format;
    int32_t product_write_auth, rate_limit;
    int32_t payment_decline;
    int64_t payment_decline_above;
    int64_t argon2_memory_kib, argon2_passes, argon2_concurrency;
    int32_t graphql_introspection, graphql_invalid_status, graphql_incremental;
    ecom_str graphql_trusted;
    int64_t graphql_max_batch;
    int64_t graphql_max_depth, graphql_max_aliases, graphql_max_roots, graphql_max_directives;
    int64_t graphql_max_tokens, graphql_max_cost;
    int64_t http_loops, http_threads, consumer_threads;
    int64_t gateway_timeout_ms, shutdown_timeout_ms;

    ecom_str payment_lambda, notification_lambda;
    int32_t lambda_type;
    int64_t lambda_timeout_ms, lambda_concurrency, lambda_retry_ms;
    ecom_str aws_region, aws_default_region, aws_endpoint, aws_ca_bundle;
    ecom_str aws_key_id, aws_secret_key, aws_session_token;
    ecom_str aws_profile, aws_config_file, aws_credentials_file, home;
    ecom_str aws_relative_uri, aws_full_uri, aws_token, aws_token_file, aws_metadata_endpoint;
    int32_t aws_metadata_disabled;
};

extern const ecom_record settings_record;

enum { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_COLOR, LOG_FORMAT_JSON };
enum { PRODUCT_WRITE_JWT, PRODUCT_WRITE_OPEN };
enum { RATE_LIMIT_ON, RATE_LIMIT_OFF };
enum { GATEWAY_SUBSCRIPTIONS_ON, GATEWAY_SUBSCRIPTIONS_OFF };
enum { LAMBDA_REQUEST_RESPONSE, LAMBDA_EVENT };
enum { INTROSPECTION_ON, INTROSPECTION_OFF };
enum { INVALID_STATUS_400, INVALID_STATUS_422 };
enum { INCREMENTAL_OFF, INCREMENTAL_ON };
enum { PAYMENT_DECLINE_NONE, PAYMENT_DECLINE_ALL };

/* ecom_http_proxies_check(), for programs that link libecom-http. */
typedef int (*settings_proxies_fn)(const char *list, ecom_error *err);

/* Reads `env_file` (nullable: ".env" if it is there) under the environment. `faults` gets every
 * fault, one a line; that JWT_SECRET is not set is one, if it is needed, and so are wrong
 * TRUSTED_PROXIES, if there is a function to check them. */
int settings_load(const char *env_file, int needs_secret, settings_proxies_fn check_proxies,
                  ecom_arena *arena, struct settings *out, ecom_buf *faults);
/* Tells, one a line, which names in the file are no setting but look like one that was misspelt.
 * Others are others' business. @return ECOM_E_NOMEM. */
int settings_misspelt(const char *env_file, ecom_arena *arena, ecom_buf *out);
/* What the member of struct settings at this offset is called. */
const char *settings_name(size_t offset);
/* Makes the folder in which embedded transports lie, if `url` is of one and it is not there. */
int settings_make_data_dir(const struct settings *settings, const char *url, ecom_error *err);

/* The URL of a service's own store: what is configured, else an SQLite file under the data folder,
 * called after `name`. NULL when out of memory. */
const char *settings_store_url(const struct settings *settings, ecom_str configured,
                               const char *name, ecom_arena *arena);
const char *settings_bus_url(const struct settings *settings, ecom_arena *arena);
/* The base URL of a service, without a slash at its end: what is configured, else its port on this
 * machine. NULL when out of memory. */
const char *settings_service_url(ecom_str configured, int64_t port, ecom_arena *arena);
/* What libecom-aws is to know. Texts point into the settings and the arena. @return ECOM_E_NOMEM.
 */
int settings_aws(const struct settings *settings, ecom_arena *arena, ecom_aws_options *out);

#endif
