#include "aws/wire.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/wait.h"

enum { MAX_HEAD = 64 << 10 };

/* Handles that are not in use, each with its connections: the last one used is the next one, so
 * that few connections stay warm rather than many go cold. */
struct wire {
    pthread_mutex_t lock;
    pthread_cond_t news; /* a handle came back, or all is stopped */
    pthread_cond_t end;  /* all is stopped */
    int stopped;
    int32_t connect_ms;
    char *ca_bundle; /* NULL: the system's */
    uint32_t n, idle, made;
    CURL **handles; /* idle ones in front */
};

/* A transfer under way. */
struct transfer {
    struct wire *wire;
    struct aws_response *out;
    uint32_t max_bytes;
    int nomem, too_large;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global;

static void start_curl(void)
{
    global = curl_global_init(CURL_GLOBAL_DEFAULT);
}

void ecom__aws_response_clear(struct aws_response *response)
{
    ecom_buf_free(&response->head);
    ecom_buf_free(&response->body);
    response->status = 0;
}

ecom_str ecom__aws_response_header(const struct aws_response *response, const char *name)
{
    const char *p = response->head.p, *end = p ? p + response->head.n : p;
    size_t n = strlen(name);

    while (p < end) {
        const char *feed = memchr(p, '\n', (size_t)(end - p));
        const char *stop = feed ? feed : end;
        if ((size_t)(stop - p) > n && p[n] == ':' && strncasecmp(p, name, n) == 0) {
            for (p += n + 1; p < stop && (*p == ' ' || *p == '\t');)
                p++;
            while (stop > p && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
                stop--;
            return (ecom_str){p, (size_t)(stop - p)};
        }
        p = stop + 1;
    }
    return (ecom_str){NULL, 0};
}

static int is_stopped(struct wire *w)
{
    pthread_mutex_lock(&w->lock);
    int stopped = w->stopped;
    pthread_mutex_unlock(&w->lock);
    return stopped;
}

static size_t take_body(char *bytes, size_t size, size_t n, void *user)
{
    struct transfer *t = user;

    (void)size;
    t->too_large = n > t->max_bytes - t->out->body.n;
    if (t->too_large)
        return 0;
    t->nomem = ecom_buf_append(&t->out->body, (ecom_str){bytes, n}) < 0;
    return t->nomem ? 0 : n;
}

static size_t take_header(char *bytes, size_t size, size_t n, void *user)
{
    struct transfer *t = user;

    (void)size;
    if (n >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
        t->out->head.n = 0; /* those before it were of an interim response */
    t->too_large = n > MAX_HEAD - t->out->head.n;
    if (t->too_large)
        return 0;
    t->nomem = ecom_buf_append(&t->out->head, (ecom_str){bytes, n}) < 0;
    return t->nomem ? 0 : n;
}

static int look_up(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    return is_stopped(((struct transfer *)user)->wire);
}

/* A handle within the time there is. NULL: none. */
static CURL *take_handle(struct wire *w, int32_t timeout_ms)
{
    const struct timespec until = ecom__after_ms(CLOCK_MONOTONIC, timeout_ms);
    CURL *handle = NULL;
    int r = 0;

    pthread_mutex_lock(&w->lock);
    while (!w->stopped && !w->idle && w->made == w->n && r == 0)
        r = pthread_cond_timedwait(&w->news, &w->lock, &until);
    if (!w->stopped && w->idle)
        handle = w->handles[--w->idle];
    else if (!w->stopped && w->made < w->n && (handle = curl_easy_init()))
        w->made++;
    pthread_mutex_unlock(&w->lock);
    return handle;
}

static void give_back(struct wire *w, CURL *handle)
{
    pthread_mutex_lock(&w->lock);
    w->handles[w->idle++] = handle;
    pthread_cond_signal(&w->news);
    pthread_mutex_unlock(&w->lock);
}

static struct curl_slist *add_line(struct curl_slist *list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(list, line);

    if (!longer)
        curl_slist_free_all(list);
    return longer;
}

/* "Expect:" keeps curl from asking before it sends a large body; "Accept:" from saying what is not
 * signed. */
static struct curl_slist *header_list(const struct aws_request *request)
{
    struct curl_slist *list = add_line(NULL, "Expect:");
    ecom_buf line = {0};

    if (list)
        list = add_line(list, "Accept:");
    for (size_t i = 0; list && i < request->nheaders; i++) {
        const ecom_header *h = &request->headers[i];
        line.n = 0;
        if (ecom_buf_printf(&line, "%.*s: %.*s", (int)h->name.n, h->name.p, (int)h->value.n,
                            h->value.p) < 0) {
            curl_slist_free_all(list);
            list = NULL;
        } else {
            list = add_line(list, line.p);
        }
    }
    ecom_buf_free(&line);
    return list;
}

static CURLcode prepare(CURL *h, const struct wire *w, const struct aws_request *request,
                        struct curl_slist *headers, struct transfer *t, char *why)
{
    CURLcode c = CURLE_OK;
#define SET(option_, value_)                                    \
    do {                                                        \
        if (c == CURLE_OK)                                      \
            c = curl_easy_setopt(h, CURLOPT_##option_, value_); \
    } while (0)

    curl_easy_reset(h); /* keeps connections */
    SET(URL, request->url);
    SET(PROTOCOLS_STR, "http,https");
    SET(PATH_AS_IS, 1L); /* as it was signed */
    SET(PROXY, "");      /* settings are the caller's, not the environment's */
    SET(NOSIGNAL, 1L);
    SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(HTTPHEADER, headers);
    SET(CUSTOMREQUEST, request->method);
    if (strcmp(request->method, "GET") != 0) {
        SET(POST, 1L);
        SET(POSTFIELDS, request->body.n ? request->body.p : "");
        SET(POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
        SET(CUSTOMREQUEST, request->method);
    }
    SET(CONNECTTIMEOUT_MS, (long)w->connect_ms);
    SET(TIMEOUT_MS, (long)request->timeout_ms);
    SET(WRITEFUNCTION, take_body);
    SET(WRITEDATA, t);
    SET(HEADERFUNCTION, take_header);
    SET(HEADERDATA, t);
    SET(XFERINFOFUNCTION, look_up);
    SET(XFERINFODATA, t);
    SET(NOPROGRESS, 0L);
    SET(ERRORBUFFER, why);
    if (w->ca_bundle)
        SET(CAINFO, w->ca_bundle);
#undef SET
    return c;
}

static int failed(CURLcode c, const struct transfer *t, const char *why, ecom_error *err)
{
    int r;

    if (t->too_large)
        return ecom_fail(err, ECOM_E_TOOLARGE, "AWS: a response of more than %u bytes",
                         (unsigned)t->max_bytes);
    if (t->nomem || c == CURLE_OUT_OF_MEMORY)
        return ecom_fail(err, ECOM_E_NOMEM, "receiving a response");
    if (c == CURLE_ABORTED_BY_CALLBACK)
        return ecom_fail(err, ECOM_E_CLOSED, "AWS: stopped");
    r = c == CURLE_OPERATION_TIMEDOUT ? ECOM_E_TIMEOUT : ECOM_E_UNAVAILABLE;
    ecom_fail(err, r, "AWS: %s", why[0] ? why : curl_easy_strerror(c));
    if (err)
        err->native = (int32_t)c;
    return r;
}

static int transfer(struct wire *w, CURL *h, const struct aws_request *request,
                    struct aws_response *out, ecom_error *err)
{
    struct transfer t = {.wire = w, .out = out, .max_bytes = request->max_bytes};
    struct curl_slist *headers = header_list(request);
    char why[CURL_ERROR_SIZE] = "";
    long status = 0;

    if (!headers)
        return ecom_fail(err, ECOM_E_NOMEM, "a request");
    CURLcode c = prepare(h, w, request, headers, &t, why);
    if (c == CURLE_OK)
        c = curl_easy_perform(h);
    if (c == CURLE_OK)
        c = curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, NULL);
    curl_slist_free_all(headers);
    if (c != CURLE_OK)
        return failed(c, &t, why, err);
    out->status = (int32_t)status;
    return ECOM_OK;
}

static int wire_call(void *self, const struct aws_request *request, struct aws_response *out,
                     ecom_error *err)
{
    struct wire *w = self;
    CURL *handle = take_handle(w, request->timeout_ms);

    if (!handle && is_stopped(w))
        return ecom_fail(err, ECOM_E_CLOSED, "AWS: stopped");
    if (!handle)
        return ecom_fail(err, ECOM_E_UNAVAILABLE,
                         "AWS: none of %u connections became free within %d ms", (unsigned)w->n,
                         (int)request->timeout_ms);
    int r = transfer(w, handle, request, out, err);
    give_back(w, handle);
    return r;
}

static void wire_wait(void *self, int32_t ms)
{
    struct wire *w = self;
    const struct timespec until = ecom__after_ms(CLOCK_MONOTONIC, ms);
    int r = 0;

    pthread_mutex_lock(&w->lock);
    while (!w->stopped && r == 0)
        r = pthread_cond_timedwait(&w->end, &w->lock, &until);
    pthread_mutex_unlock(&w->lock);
}

static void wire_stop(void *self)
{
    struct wire *w = self;

    pthread_mutex_lock(&w->lock);
    w->stopped = 1;
    pthread_cond_broadcast(&w->news);
    pthread_cond_broadcast(&w->end);
    pthread_mutex_unlock(&w->lock);
}

static void wire_close(void *self)
{
    struct wire *w = self;

    for (uint32_t i = 0; i < w->idle; i++)
        curl_easy_cleanup(w->handles[i]);
    pthread_cond_destroy(&w->news);
    pthread_cond_destroy(&w->end);
    pthread_mutex_destroy(&w->lock);
    free(w->handles);
    free(w->ca_bundle);
    free(w);
}

const struct aws_transport ecom__aws_wire = {
    .call = wire_call,
    .wait = wire_wait,
    .stop = wire_stop,
    .close = wire_close,
};

int ecom__aws_wire_new(uint32_t concurrency, int32_t connect_ms, const char *ca_bundle, void **out,
                       ecom_error *err)
{
    pthread_once(&once, start_curl);
    if (global != CURLE_OK)
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "libcurl: %s", curl_easy_strerror(global));
    struct wire *w = calloc(1, sizeof(*w));
    if (!w)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    pthread_mutex_init(&w->lock, NULL);
    ecom__cond_init(&w->news);
    ecom__cond_init(&w->end);
    w->n = concurrency;
    w->connect_ms = connect_ms;
    w->handles = calloc(concurrency, sizeof(CURL *));
    w->ca_bundle = ca_bundle ? strdup(ca_bundle) : NULL;
    if (!w->handles || (ca_bundle && !w->ca_bundle)) {
        wire_close(w);
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    }
    *out = w;
    return ECOM_OK;
}
