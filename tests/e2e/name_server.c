/* Loaded before all else: the process asks the name server on 127.0.0.1 at the port ECOM_TEST_DNS,
 * and finds every host of ecom.example at 127.0.0.1. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>

/* As glibc calls what <resolv.h> calls res_ninit. */
int __res_ninit(res_state state);
int __res_ninit(res_state state)
{
    int (*real)(res_state) = NULL;
    const char *port = getenv("ECOM_TEST_DNS");

    *(void **)&real = dlsym(RTLD_NEXT, "__res_ninit");
    int r = real(state);
    state->nscount = 1;
    state->nsaddr_list[0] = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(port ? port : "")),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    return r;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(host && strstr(host, ".ecom.example") ? "127.0.0.1" : host, service, hints, out);
}
