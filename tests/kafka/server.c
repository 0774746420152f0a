#include "server.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ecom/env.h"

enum { MAX_TOPICS = 256, TIMEOUT_MS = 15000 };

/* What the servers' status file says, read once: lines NAME='value', no quotes inside. */
static const char *from_file(const char *name)
{
    static char text[8192], *lines[16];
    const char *folder = getenv("ECOM_SERVERS_DIR");
    char path[4096], *at = text;
    size_t n = strlen(name);

    if (!text[0]) {
        snprintf(path, sizeof(path), "%s/kafka/env", folder ? folder : SERVERS_DIR);
        FILE *file = fopen(path, "r");
        text[file ? fread(text, 1, sizeof(text) - 1, file) : 0] = '\0';
        if (file)
            fclose(file);
        for (size_t i = 0; i < 15 && (lines[i] = strsep(&at, "\n")); i++)
            lines[i][strcspn(lines[i], "'")] = '\0';
    }
    for (size_t i = 0; lines[i]; i++)
        if (strncmp(lines[i], name, n) == 0 && strcmp(lines[i] + n, "=") == 0) {
            char *value = lines[i] + n + 2;
            value[strcspn(value, "'")] = '\0';
            return value;
        }
    return NULL;
}

const char *server_setting(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : from_file(name);
}

const char *server_url(void)
{
    static const char *url;

    if (!url)
        url = server_setting("ECOM_KAFKA_URL");
    if (url)
        return url;
    const char *ci = getenv("CI");
    if (ci && strcmp(ci, "true") == 0) {
        printf("Bail out! no Kafka: scripts/servers start kafka, or set ECOM_KAFKA_URL\n");
        exit(1);
    }
    printf("1..0 # SKIP no Kafka: scripts/servers start kafka, or set ECOM_KAFKA_URL\n");
    exit(0);
}

void server_fresh_prefix(char out[32])
{
    ecom_id id = ecom_id_new(ecom_env_system());

    snprintf(out, 32, "test-%.8s%.4s.", id.s + 24, id.s + 9);
}

static rd_kafka_t *admin(void)
{
    char why[256], servers[2048];
    const char *url = server_url();
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    snprintf(servers, sizeof(servers), "%s", url + strlen("kafka://"));
    servers[strcspn(servers, "?/")] = '\0';
    if (rd_kafka_conf_set(conf, "bootstrap.servers", servers, why, sizeof(why)))
        return NULL;
    return rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
}

void server_delete_topics(const char *prefix)
{
    const rd_kafka_metadata_t *meta = NULL;
    rd_kafka_DeleteTopic_t *topics[MAX_TOPICS];
    size_t n = 0;

    rd_kafka_t *rk = admin();
    if (!rk)
        return;
    if (rd_kafka_metadata(rk, 1, NULL, &meta, TIMEOUT_MS) == 0) {
        for (int i = 0; i < meta->topic_cnt && n < MAX_TOPICS; i++)
            if (strncmp(meta->topics[i].topic, prefix, strlen(prefix)) == 0)
                topics[n++] = rd_kafka_DeleteTopic_new(meta->topics[i].topic);
        rd_kafka_metadata_destroy(meta);
    }
    if (n) {
        rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
        rd_kafka_DeleteTopics(rk, topics, n, NULL, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
        if (event)
            rd_kafka_event_destroy(event);
        rd_kafka_queue_destroy(queue);
        rd_kafka_DeleteTopic_destroy_array(topics, n);
    }
    rd_kafka_destroy(rk);
}
