/* In the place of libcurl, which librdkafka fetches OpenID Connect's tokens with where it is built
 * so (Debian 13): linked statically, it would bring LDAP, Kerberos and a second TLS with it.
 * Whoever asks for such tokens is told that there is no client for HTTP. */
#include <stddef.h>

enum { CURLE_OK = 0, CURLE_FAILED_INIT = 2 };

int curl_global_init(long flags);
void *curl_easy_init(void);
int curl_easy_setopt(void *curl, int option, ...);
int curl_easy_perform(void *curl);
int curl_easy_getinfo(void *curl, int info, ...);
void curl_easy_cleanup(void *curl);
void *curl_slist_append(void *list, const char *text);
void curl_slist_free_all(void *list);

int curl_global_init(long flags)
{
    (void)flags;
    return CURLE_OK;
}

void *curl_easy_init(void)
{
    return NULL;
}

int curl_easy_setopt(void *curl, int option, ...)
{
    (void)curl, (void)option;
    return CURLE_FAILED_INIT;
}

int curl_easy_perform(void *curl)
{
    (void)curl;
    return CURLE_FAILED_INIT;
}

int curl_easy_getinfo(void *curl, int info, ...)
{
    (void)curl, (void)info;
    return CURLE_FAILED_INIT;
}

void curl_easy_cleanup(void *curl)
{
    (void)curl;
}

void *curl_slist_append(void *list, const char *text)
{
    (void)list, (void)text;
    return NULL;
}

void curl_slist_free_all(void *list)
{
    (void)list;
}
