#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kafka/kafka.h"

int64_t ecom__kafka_until(const struct ecom__kafka *k)
{
    return ecom__monotonic_ms() + k->opts.timeout_ms;
}

int ecom__kafka_left_ms(int64_t deadline_ms)
{
    int64_t left = deadline_ms - ecom__monotonic_ms();

    return left > 0 ? (int)left : 0;
}

void ecom__kafka_pause(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

/* The host and port at the beginning of librdkafka's text, "sasl_ssl://host:port/bootstrap: ...".
 */
static ecom_str host_of(const char *reason)
{
    const char *at = strstr(reason, "://");

    at = at ? at + 3 : reason;
    return (ecom_str){at, strcspn(at, "/: ") + strspn(at + strcspn(at, "/: "), ":0123456789")};
}

/* What it says of the connection, without the broker before and the milliseconds behind. */
static ecom_str detail_of(const char *reason)
{
    const char *at = strstr(reason, "failed: "), *end = strstr(reason, " (after ");

    at = at ? at + strlen("failed: ") : strstr(reason, ": ") ? strstr(reason, ": ") + 2 : reason;
    return (ecom_str){at, end && end > at ? (size_t)(end - at) : strlen(at)};
}

static void describe(rd_kafka_resp_err_t code, const char *reason, char *out, size_t size)
{
    ecom_str host = host_of(reason), detail = detail_of(reason);
    int n = host.n < 100 ? (int)host.n : 100, d = detail.n < 90 ? (int)detail.n : 90;

    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION)
        snprintf(out, size,
                 "Kafka at %.*s refuses the key or its secret (KAFKA_API_KEY, sasl.username)", n,
                 host.p);
    else if (code == RD_KAFKA_RESP_ERR__SSL && strstr(reason, "verify"))
        snprintf(out, size,
                 "the certificate of Kafka at %.*s is of no CA trusted here, or of another host "
                 "(KAFKA_CA_FILE, ssl.ca.location)",
                 n, host.p);
    else if (code == RD_KAFKA_RESP_ERR__SSL)
        snprintf(out, size, "no TLS with Kafka at %.*s: %.*s", n, host.p, d, detail.p);
    else if (code == RD_KAFKA_RESP_ERR__RESOLVE)
        snprintf(out, size, "Kafka's host %.*s cannot be found", n, host.p);
    else if (strstr(reason, "security.protocol"))
        snprintf(out, size,
                 "Kafka at %.*s closed the connection: does it ask for a key, or for TLS? "
                 "(KAFKA_API_KEY, security.protocol)",
                 n, host.p);
    else
        snprintf(out, size, "Kafka at %.*s cannot be reached: %.*s", n, host.p, d, detail.p);
}

void ecom__kafka_on_error(rd_kafka_t *rk, int number, const char *reason, void *opaque)
{
    struct ecom__kafka_trouble *t = &(*(struct ecom__kafka **)opaque)->trouble;
    rd_kafka_resp_err_t code = (rd_kafka_resp_err_t)number;

    (void)rk;
    if (code != RD_KAFKA_RESP_ERR__AUTHENTICATION && code != RD_KAFKA_RESP_ERR__SSL &&
        code != RD_KAFKA_RESP_ERR__RESOLVE && code != RD_KAFKA_RESP_ERR__TRANSPORT)
        return; /* "all brokers are down" says less than what each of them said */
    if (strstr(reason, "Disconnected (after"))
        return; /* brokers end connections that are idle: what comes of the next one tells */
    pthread_mutex_lock(&t->mutex);
    t->code = code;
    describe(code, reason, t->text, sizeof(t->text));
    pthread_mutex_unlock(&t->mutex);
}

void ecom__kafka_on_log(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
    const struct ecom__kafka *k = *(struct ecom__kafka **)rd_kafka_opaque(rk);
    const ecom_log_field fields[] = {{"text", ecom_str_of(text), 0},
                                     {"facility", ecom_str_of(fac), 0},
                                     {"client", ecom_str_of(rd_kafka_name(rk)), 0}};

    (void)level;
    ecom_log_write(k->opts.log, ECOM_LOG_DEBUG, "librdkafka", fields,
                   sizeof(fields) / sizeof(fields[0]));
}

int ecom__kafka_hopeless(struct ecom__kafka *k)
{
    pthread_mutex_lock(&k->trouble.mutex);
    rd_kafka_resp_err_t code = k->trouble.code;
    pthread_mutex_unlock(&k->trouble.mutex);
    return code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL ||
           code == RD_KAFKA_RESP_ERR__RESOLVE;
}

void ecom__kafka_reached(struct ecom__kafka *k)
{
    pthread_mutex_lock(&k->trouble.mutex);
    k->trouble.code = RD_KAFKA_RESP_ERR_NO_ERROR;
    pthread_mutex_unlock(&k->trouble.mutex);
}

/* All that is of the connection is ECOM_E_UNAVAILABLE, a wrong key too: events wait until somebody
 * has mended it. */
static int code_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        return ECOM_E_TIMEOUT;
    case RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE:
        return ECOM_E_NOMEM;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return ECOM_E_TOOLARGE;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return ECOM_E_FORBIDDEN;
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
        return ECOM_E_INVAL;
    default:
        return ECOM_E_UNAVAILABLE;
    }
}

int ecom__kafka_fail(struct ecom__kafka *k, rd_kafka_resp_err_t native, const char *what,
                     ecom_error *err)
{
    int code = code_of(native);
    char text[sizeof(k->trouble.text)] = "";

    pthread_mutex_lock(&k->trouble.mutex);
    if (k->trouble.code != RD_KAFKA_RESP_ERR_NO_ERROR &&
        (code == ECOM_E_TIMEOUT || native == RD_KAFKA_RESP_ERR__TRANSPORT ||
         native == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
         native == RD_KAFKA_RESP_ERR__AUTHENTICATION))
        memcpy(text, k->trouble.text, sizeof(text));
    pthread_mutex_unlock(&k->trouble.mutex);
    if (!text[0] && native == RD_KAFKA_RESP_ERR__TRANSPORT)
        snprintf(text, sizeof(text),
                 "Kafka at %.100s closes the connection: does it ask for a key, or for TLS? "
                 "(KAFKA_API_KEY, security.protocol)",
                 k->url.servers);
    if (text[0])
        code = ecom_fail(err, ECOM_E_UNAVAILABLE, "%s", text);
    else
        code = ecom_fail(err, code, "%s: %s", what, rd_kafka_err2str(native));
    if (err)
        err->native = native;
    return code;
}
