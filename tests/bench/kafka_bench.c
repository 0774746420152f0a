/* Publishing and consuming through the bus against a bare loop on librdkafka with the same
 * settings, in rounds that lie side by side. Prints one JSON object. kafka_bench URL MESSAGES BYTES
 * ROUNDS */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "ecom/bus.h"

enum { BATCH = 1000, KEYS = 512, TIMEOUT_MS = 60000 };

static char body[1 << 16], keys[KEYS][16];
static size_t body_n;
static ecom_msg msgs[BATCH];

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Of this thread: what our side of a publish costs, without librdkafka's threads. */
static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void make_messages(const char *topic)
{
    memset(body, 'x', body_n);
    for (int i = 0; i < KEYS; i++)
        snprintf(keys[i], sizeof(keys[i]), "order-%06d", i);
    for (int i = 0; i < BATCH; i++)
        msgs[i] = (ecom_msg){.topic = ecom_str_of(topic),
                             .key = ecom_str_of(keys[i % KEYS]),
                             .body = {body, body_n}};
}

struct cost {
    double rate, cpu_us; /* messages a second; of the calling thread, a message */
};

static struct cost publish_ours(ecom_bus *bus, int total)
{
    double start = now_s(), cpu = cpu_s();
    ecom_error e;

    for (int sent = 0; sent < total; sent += BATCH)
        if (ecom_bus_publish(bus, msgs, BATCH, NULL, &e) < 0)
            die("publish", e.text);
    return (struct cost){total / (now_s() - start), (cpu_s() - cpu) / total * 1e6};
}

static int unconfirmed;

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    (void)opaque;
    if (message->err)
        die("report", rd_kafka_err2str(message->err));
    unconfirmed--;
}

static rd_kafka_t *bare_client(rd_kafka_type_t type, const char *servers)
{
    static const char *const settings[][2] = {{"enable.idempotence", "true"},
                                              {"max.in.flight.requests.per.connection", "1"},
                                              {"linger.ms", "0"},
                                              {"partitioner", "murmur2_random"},
                                              {"socket.nagle.disable", "true"}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];

    rd_kafka_conf_set(conf, "bootstrap.servers", servers, why, sizeof(why));
    for (size_t i = 0; type == RD_KAFKA_PRODUCER && i < 5; i++)
        rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof(why));
    if (type == RD_KAFKA_CONSUMER) {
        rd_kafka_conf_set(conf, "group.id", "bench", why, sizeof(why));
        rd_kafka_conf_set(conf, "fetch.wait.max.ms", "100", why, sizeof(why));
        rd_kafka_conf_set(conf, "queued.max.messages.kbytes", "16384", why, sizeof(why));
    } else
        rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof(why));
    if (!rk)
        die("librdkafka", why);
    return rk;
}

/* A batch, and then its reports, as ours does. */
static struct cost publish_bare(rd_kafka_t *rk, rd_kafka_topic_t *topic, int total)
{
    double start = now_s(), cpu = cpu_s();

    for (int sent = 0; sent < total; sent += BATCH) {
        for (int i = 0; i < BATCH; i++)
            if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, body, body_n,
                                 msgs[i].key.p, msgs[i].key.n, NULL))
                die("produce", rd_kafka_err2str(rd_kafka_last_error()));
        for (unconfirmed += BATCH; unconfirmed;)
            rd_kafka_poll(rk, 100);
    }
    return (struct cost){total / (now_s() - start), (cpu_s() - cpu) / total * 1e6};
}

static int count(void *user, const ecom_msg *msg)
{
    (void)msg;
    ++*(int *)user;
    return 0;
}

static double consume_ours(ecom_bus *bus, const char *topic, int total)
{
    ecom_str name = ecom_str_of(topic);
    ecom_subscription sub = {.size = sizeof(sub), .topics = &name, .ntopics = 1};
    ecom_member *member;
    ecom_error e;
    int n = 0;

    if (ecom_bus_subscribe(bus, &sub, &member, &e) < 0)
        die("subscribe", e.text);
    while (n == 0)
        (void)!ecom_member_poll(member, 100, 1, count, &n, &e);
    double start = now_s();
    while (n < total)
        (void)!ecom_member_poll(member, 100, BATCH, count, &n, &e);
    double rate = total / (now_s() - start);
    ecom_member_close(member);
    return rate;
}

static double consume_bare(const char *servers, const char *topic, int32_t partitions, int total)
{
    rd_kafka_t *rk = bare_client(RD_KAFKA_CONSUMER, servers);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    double start = 0;

    for (int32_t i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    for (int n = 0; n < total;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);
        if (!message)
            continue;
        if (!message->err && n++ == 0)
            start = now_s();
        rd_kafka_message_destroy(message);
    }
    double rate = total / (now_s() - start);
    rd_kafka_destroy(rk);
    return rate;
}

int main(int argc, char **argv)
{
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;
    ecom_bus *bus;
    ecom_error e;
    char servers[512], topic[64];

    if (argc != 5)
        die("usage", "kafka_bench URL MESSAGES BYTES ROUNDS");
    int total = atoi(argv[2]) / BATCH * BATCH, rounds = atoi(argv[4]);
    body_n = strtoul(argv[3], NULL, 10);
    if (total < BATCH || body_n > sizeof(body) || rounds < 1)
        die("usage", "1000 messages or more, of 65536 bytes or less, 1 round or more");
    snprintf(servers, sizeof(servers), "%.500s", argv[1] + strlen("kafka://"));
    servers[strcspn(servers, "?/")] = '\0';
    snprintf(topic, sizeof(topic), "bench-%ld", (long)time(NULL));
    make_messages(topic);
    opts.timeout_ms = TIMEOUT_MS;
    if (ecom_bus_open(argv[1], &opts, &bus, &e) < 0 ||
        ecom_bus_create_topic(bus, ecom_str_of(topic), 8, &e) < 0)
        die("open", e.text);
    rd_kafka_t *rk = bare_client(RD_KAFKA_PRODUCER, servers);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    publish_ours(bus, BATCH); /* both have met the topic */
    publish_bare(rk, handle, BATCH);
    int there = 2 * BATCH;
    printf("{\"messages\": %d, \"bytes\": %zu, \"rounds\": [", total, body_n);
    for (int round = 0; round < rounds; round++) {
        struct cost ours = publish_ours(bus, total), bare = publish_bare(rk, handle, total);
        there += 2 * total;
        double in_ours = consume_ours(bus, topic, there);
        double in_bare = consume_bare(servers, topic, 8, there);
        printf("%s{\"publish\": [%.0f, %.0f], \"cpu_us\": [%.2f, %.2f], \"consume\": [%.0f, %.0f]}",
               round ? ", " : "", ours.rate, bare.rate, ours.cpu_us, bare.cpu_us, in_ours, in_bare);
    }
    printf("]}\n");
    rd_kafka_topic_destroy(handle);
    rd_kafka_destroy(rk);
    ecom_bus_close(bus);
    return 0;
}
