#include <stdlib.h>
#include <string.h>

#include "kafka/kafka.h"

enum { MAX_URL = 4096, MAX_REPLICATION = 100 };

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place. @return -1: a broken or a zero byte. */
static int decode(char *s)
{
    char *to = s;

    for (; *s; s++) {
        if (*s != '%') {
            *to++ = *s;
            continue;
        }
        int high = hex(s[1]), low = high < 0 ? -1 : hex(s[2]);
        if (low < 0 || (high == 0 && low == 0))
            return -1;
        *to++ = (char)(high << 4 | low);
        s += 2;
    }
    *to = '\0';
    return 0;
}

static int bad(ecom_error *err, const char *why)
{
    return ecom_fail_field(err, ECOM_E_INVAL, "url", "%s", why);
}

static int take_prefix(struct ecom__kafka_url *url, const char *value, ecom_error *err)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t n = strlen(value);

    if (n > ECOM__KAFKA_MAX_PREFIX || strspn(value, allowed) != n)
        return bad(err, "ecom.topic.prefix must be at most 64 bytes of A-Z, a-z, 0-9, '_', '.' "
                        "and '-'");
    memcpy(url->prefix, value, n + 1);
    url->prefix_n = n;
    return ECOM_OK;
}

static int take_number(const char *option, const char *value, int most, int32_t *out,
                       ecom_error *err)
{
    char *end;
    long number = strtol(value, &end, 10);

    if (end == value || *end || number < 1 || number > most)
        return ecom_fail_field(err, ECOM_E_INVAL, "url", "%s must be 1 to %d", option, most);
    *out = (int32_t)number;
    return ECOM_OK;
}

static int take_create(struct ecom__kafka_url *url, const char *value, ecom_error *err)
{
    if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
        return bad(err, "ecom.create.topics must be true or false");
    url->create_topics = value[0] == 't';
    return ECOM_OK;
}

/* What keeps messages from being lost, or each member of the shop from getting its own: options
 * that may only be as they are. */
static int check_promise(const char *option, const char *value, ecom_error *err)
{
    static const char *const promised[][3] = {
        {"acks", "all", "-1"},
        {"request.required.acks", "all", "-1"},
        {"enable.idempotence", "true", "true"},
        {"enable.auto.commit", "false", "false"},
        {"enable.auto.offset.store", "false", "false"},
        {"auto.offset.reset", "", ""}, /* a subscription says where a group begins */
        {"group.id", "", ""},
    };

    for (size_t i = 0; i < sizeof(promised) / sizeof(promised[0]); i++)
        if (strcmp(option, promised[i][0]) == 0 && strcmp(value, promised[i][1]) != 0 &&
            strcmp(value, promised[i][2]) != 0)
            return ecom_fail_field(err, ECOM_E_INVAL, "url",
                                   "may not change %s: messages would be lost", option);
    return ECOM_OK;
}

static int take_option(struct ecom__kafka_url *url, char *option, ecom_error *err)
{
    char *value = strchr(option, '=');

    if (!value || value == option)
        return bad(err, "options must be NAME=VALUE, with '&' between them");
    *value++ = '\0';
    if (decode(option) < 0 || decode(value) < 0)
        return bad(err, "has a '%' that no two hexadecimal digits follow");
    if (strcmp(option, "ecom.topic.prefix") == 0)
        return take_prefix(url, value, err);
    if (strcmp(option, "ecom.partitions") == 0)
        return take_number(option, value, ECOM_BUS_MAX_PARTITIONS, &url->partitions, err);
    if (strcmp(option, "ecom.replication.factor") == 0)
        return take_number(option, value, MAX_REPLICATION, &url->replication, err);
    if (strcmp(option, "ecom.create.topics") == 0)
        return take_create(url, value, err);
    if (check_promise(option, value, err) < 0)
        return ECOM_E_INVAL;
    if (url->noptions == ECOM__KAFKA_MAX_OPTIONS)
        return ecom_fail_field(err, ECOM_E_TOOLARGE, "url", "has more than %d options",
                               ECOM__KAFKA_MAX_OPTIONS);
    url->options[url->noptions].name = option;
    url->options[url->noptions++].value = value;
    return ECOM_OK;
}

static int take_servers(struct ecom__kafka_url *url, char *servers, ecom_error *err)
{
    size_t n = strlen(servers);

    if (n && servers[n - 1] == '/')
        servers[--n] = '\0';
    if (n == 0)
        return bad(err, "names no broker: kafka://HOST:PORT[,HOST:PORT]...");
    if (strpbrk(servers, "/@#") || decode(servers) < 0)
        return bad(err, "must be kafka://HOST:PORT[,HOST:PORT]...[?OPTION=VALUE], users and keys "
                        "are options");
    url->servers = servers;
    return ECOM_OK;
}

int ecom__kafka_url_parse(const char *text, struct ecom__kafka_url *out, ecom_error *err)
{
    static const char scheme[] = "kafka://";
    struct ecom__kafka_url url = {.create_topics = 1, .replication = -1};

    if (!text || strncmp(text, scheme, sizeof(scheme) - 1) != 0)
        return bad(err, "must begin with kafka://");
    if (strnlen(text, MAX_URL + 1) > MAX_URL)
        return ecom_fail_field(err, ECOM_E_TOOLARGE, "url", "has more than %d bytes", MAX_URL);
    url.text = strdup(text + sizeof(scheme) - 1);
    if (!url.text)
        return ecom_fail(err, ECOM_E_NOMEM, "opening a bus");
    char *rest = strchr(url.text, '?');
    if (rest)
        *rest++ = '\0';
    int r = take_servers(&url, url.text, err);
    while (r == ECOM_OK && rest && *rest) {
        char *option = rest;
        rest = strchr(rest, '&');
        if (rest)
            *rest++ = '\0';
        r = take_option(&url, option, err);
    }
    if (r < 0) {
        ecom__kafka_url_clear(&url);
        return r;
    }
    *out = url;
    return ECOM_OK;
}

void ecom__kafka_url_clear(struct ecom__kafka_url *url)
{
    free(url->text);
    url->text = NULL;
}
