/* Lists of proxies, and X-Forwarded-For as whoever sends it: what is told is an address, the peer's
 * own where nothing can be believed, and no other when it is asked for again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "http/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

static int is_address(const char *text)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* A list that is taken has 1 to 16 addresses, each of which is a proxy from then on. */
static void check_list(const char *list)
{
    struct proxies proxies;
    ecom_error e;
    int r = ecom__http_proxies_read(list, &proxies, &e);

    must(r == ecom_http_proxies_check(list, NULL));
    if (r < 0) {
        must(r == ECOM_E_INVAL && strcmp(e.field, "proxies") == 0);
        return;
    }
    must(proxies.n >= 1 && proxies.n <= ECOM_HTTP_MAX_PROXIES);
    for (size_t i = 0; i < proxies.n; i++) {
        char address[ADDRESS_BYTES];
        must(inet_ntop(AF_INET6, &proxies.all[i], address, sizeof(address)) != NULL);
        must(ecom__http_is_proxy(&proxies, address));
    }
}

static void check_header(const char *list, ecom_str header)
{
    char peer[ADDRESS_BYTES] = "127.0.0.1", again[ADDRESS_BYTES] = "127.0.0.1";
    struct proxies proxies;

    must(ecom__http_proxies_read(list, &proxies, NULL) == ECOM_OK);
    ecom__http_forwarded(&proxies, header, peer);
    ecom__http_forwarded(&proxies, header, again);
    must(is_address(peer) && strcmp(peer, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const ecom_str header = {n ? (const char *)data : "", n};
    char *text = malloc(n + 1);

    must(text != NULL);
    memcpy(text, header.p, n);
    text[n] = '\0';
    check_list(text);
    check_header("127.0.0.1,::1", header);
    check_header("10.0.0.1", header);
    free(text);
    return 0;
}
