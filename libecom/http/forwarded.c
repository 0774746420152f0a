#include "http/forwarded.h"

#include <arpa/inet.h>
#include <string.h>

static int parse(ecom_str text, struct in6_addr *out)
{
    char s[ADDRESS_BYTES];
    struct in_addr four;

    if (text.n == 0 || text.n >= sizeof(s))
        return -1;
    memcpy(s, text.p, text.n);
    s[text.n] = '\0';
    if (inet_pton(AF_INET6, s, out) == 1)
        return 0;
    if (inet_pton(AF_INET, s, &four) != 1)
        return -1;
    *out = (struct in6_addr){.s6_addr = {[10] = 0xFF, [11] = 0xFF}};
    memcpy(out->s6_addr + 12, &four, sizeof(four));
    return 0;
}

static void print(const struct in6_addr *address, char out[ADDRESS_BYTES])
{
    if (IN6_IS_ADDR_V4MAPPED(address))
        inet_ntop(AF_INET, address->s6_addr + 12, out, ADDRESS_BYTES);
    else
        inet_ntop(AF_INET6, address, out, ADDRESS_BYTES);
}

/* Cuts what is behind the last comma off a list, without the blanks around it; p NULL: that was the
 * last. */
static ecom_str last_of(ecom_str *list)
{
    size_t end = list->n, start;

    while (end && (list->p[end - 1] == ' ' || list->p[end - 1] == '\t'))
        end--;
    for (start = end; start && list->p[start - 1] != ',';)
        start--;
    size_t rest = start;
    while (start < end && (list->p[start] == ' ' || list->p[start] == '\t'))
        start++;
    ecom_str last = {list->p + start, end - start};
    *list = rest ? (ecom_str){list->p, rest - 1} : (ecom_str){NULL, 0};
    return last;
}

int ecom__http_proxies_read(const char *list, struct proxies *out, ecom_error *err)
{
    ecom_str rest = ecom_str_of(list);

    for (out->n = 0; rest.p; out->n++) {
        ecom_str one = last_of(&rest);
        if (out->n == ECOM_HTTP_MAX_PROXIES)
            return ecom_fail_field(err, ECOM_E_INVAL, "proxies", "more than %d",
                                   ECOM_HTTP_MAX_PROXIES);
        if (parse(one, &out->all[out->n]) < 0)
            return ecom_fail_field(err, ECOM_E_INVAL, "proxies", "no address: %.*s", (int)one.n,
                                   one.p);
    }
    return ECOM_OK;
}

int ecom_http_proxies_check(const char *list, ecom_error *err)
{
    struct proxies proxies;

    return ecom__http_proxies_read(list, &proxies, err);
}

static int is_known(const struct proxies *proxies, const struct in6_addr *address)
{
    for (size_t i = 0; i < proxies->n; i++)
        if (IN6_ARE_ADDR_EQUAL(&proxies->all[i], address))
            return 1;
    return 0;
}

int ecom__http_is_proxy(const struct proxies *proxies, const char *address)
{
    struct in6_addr parsed;

    return proxies->n && parse(ecom_str_of(address), &parsed) == 0 && is_known(proxies, &parsed);
}

void ecom__http_forwarded(const struct proxies *proxies, ecom_str header, char peer[ADDRESS_BYTES])
{
    struct in6_addr address;
    int proxy = 1;

    while (proxy && header.p && parse(last_of(&header), &address) == 0) {
        print(&address, peer);
        proxy = is_known(proxies, &address);
    }
}
