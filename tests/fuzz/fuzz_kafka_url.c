/* URLs of a bus on Kafka: what is taken is within its bounds, and every text ends within the one
 * copy of the URL. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/kafka.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void check_text(const struct ecom__kafka_url *url, const char *text, size_t n)
{
    must(text >= url->text && text + strlen(text) <= url->text + n);
}

static void check(const struct ecom__kafka_url *url, size_t n)
{
    check_text(url, url->servers, n);
    must(url->servers[0] != '\0' && url->noptions <= ECOM__KAFKA_MAX_OPTIONS);
    for (size_t i = 0; i < url->noptions; i++) {
        check_text(url, url->options[i].name, n);
        check_text(url, url->options[i].value, n);
        must(strncmp(url->options[i].name, "ecom.topic.prefix", 18) != 0);
    }
    must(url->prefix_n <= ECOM__KAFKA_MAX_PREFIX && strlen(url->prefix) == url->prefix_n);
    must(url->partitions >= 0 && url->partitions <= ECOM_BUS_MAX_PARTITIONS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct ecom__kafka_url url;
    char *text = malloc(n + 1);
    ecom_error e;

    must(text != NULL);
    memcpy(text, n ? (const char *)data : "", n);
    text[n] = '\0';
    int r = ecom__kafka_url_parse(text, &url, &e);
    if (r == ECOM_OK) {
        check(&url, strlen(text));
        ecom__kafka_url_clear(&url);
    } else {
        must((r == ECOM_E_INVAL || r == ECOM_E_TOOLARGE) && strcmp(e.field, "url") == 0);
    }
    free(text);
    return 0;
}
