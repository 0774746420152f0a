#include "flow_fake.h"

#include <stdlib.h>

#include "base/thread.h"

void *__real_malloc(size_t n);

static ecom_str put_bytes(char **at, ecom_str s)
{
    ecom_str copy = {*at, s.n};

    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

/* The test's own memory does not fail on demand. */
static ecom_msg *copy_of(const ecom_msg *msg)
{
    size_t bytes = sizeof(*msg) + msg->nheaders * sizeof(ecom_header) + msg->topic.n + msg->key.n +
                   msg->body.n + msg->id.n;

    for (size_t i = 0; i < msg->nheaders; i++)
        bytes += msg->headers[i].name.n + msg->headers[i].value.n;
    ecom_msg *copy = __real_malloc(bytes);
    ecom_header *headers = (ecom_header *)(copy + 1);
    char *at = (char *)(headers + msg->nheaders);
    *copy = *msg;
    copy->id = put_bytes(&at, msg->id);
    copy->topic = put_bytes(&at, msg->topic);
    copy->key = put_bytes(&at, msg->key);
    copy->body = put_bytes(&at, msg->body);
    for (size_t i = 0; i < msg->nheaders; i++) {
        headers[i].name = put_bytes(&at, msg->headers[i].name);
        headers[i].value = put_bytes(&at, msg->headers[i].value);
    }
    copy->headers = headers;
    return copy;
}

static int is_refused(const struct fake_bus *fake, const ecom_msg *msg)
{
    return (fake->refuse && ecom_str_eq(msg->body, ecom_str_of(fake->refuse))) ||
           (fake->refuse_above && msg->body.n > fake->refuse_above);
}

static int publish_locked(struct fake_bus *fake, const ecom_msg *msgs, size_t n, size_t *done,
                          ecom_error *err)
{
    fake->publishes++;
    for (size_t i = 0; i < n; i++)
        if (is_refused(fake, &msgs[i]))
            return ecom_fail(err, fake->refuse_code, "refused");
    for (; *done < n; ++*done) {
        if (fake->fail_times && *done == fake->fail_done) {
            fake->fail_times -= fake->fail_times != SIZE_MAX;
            return ecom_fail(err, fake->fail_code, "the bus is away");
        }
        if (fake->nout == FAKE_MAX)
            return ecom_fail(err, ECOM_E_FULL, "the fake is full");
        fake->out[fake->nout++] = copy_of(&msgs[*done]);
    }
    return ECOM_OK;
}

static int fake_publish(void *self, const ecom_msg *msgs, size_t n, size_t *done, ecom_error *err)
{
    struct fake_bus *fake = self;

    *done = 0;
    pthread_mutex_lock(&fake->mutex);
    int r = publish_locked(fake, msgs, n, done, err);
    pthread_mutex_unlock(&fake->mutex);
    return r;
}

static int fake_create_topic(void *self, ecom_str topic, int32_t partitions, ecom_error *err)
{
    (void)self, (void)topic, (void)partitions, (void)err;
    return ECOM_OK;
}

static int fake_topics(void *self, ecom_msg_fn row, void *user, ecom_error *err)
{
    (void)self, (void)row, (void)user, (void)err;
    return ECOM_OK;
}

static int fake_ping(void *self, ecom_error *err)
{
    (void)self, (void)err;
    return ECOM_OK;
}

static void fake_close(void *self)
{
    (void)self;
}

static int fake_subscribe(void *self, const ecom_subscription *sub, void **member, ecom_error *err)
{
    struct fake_bus *fake = self;

    if (fake->subscribe_code)
        return ecom_fail(err, fake->subscribe_code, "cannot subscribe");
    pthread_mutex_lock(&fake->mutex);
    fake->sub = *sub;
    fake->topic = sub->topics[0]; /* the array is gone after this call, its bytes are not */
    fake->joins++;
    fake->members++;
    fake->given = 0; /* all again, from the committed offsets */
    pthread_mutex_unlock(&fake->mutex);
    *member = fake;
    return ECOM_OK;
}

static int may_give(const struct fake_bus *fake, const ecom_msg *msg)
{
    return msg->offset > fake->acked[msg->partition % FAKE_PARTITIONS];
}

static int fake_poll(void *member, int32_t timeout_ms, uint32_t max, ecom_msg_fn fn, void *user,
                     ecom_error *err)
{
    struct fake_bus *fake = member;
    int n = 0;

    pthread_mutex_lock(&fake->mutex);
    fake->polls++;
    fake->last_max = max;
    fake->last_timeout = timeout_ms;
    int code = fake->poll_code;
    int32_t revoke = fake->revoke;
    fake->revoke = -1;
    if (!code && revoke < 0 && max > 0 && fake->given == fake->nin && !fake->woken &&
        timeout_ms > 0 && fake->sub.user)
        ecom__cond_wait_ms(&fake->wake, &fake->mutex, timeout_ms);
    fake->woken = 0;
    pthread_mutex_unlock(&fake->mutex);
    if (code)
        return ecom_fail(err, code, "cannot poll");
    if (revoke >= 0)
        fake->sub.revoked(fake->sub.user, fake->topic, revoke);
    for (uint32_t i = 0; i < max; i++) {
        pthread_mutex_lock(&fake->mutex);
        ecom_msg *msg = fake->given < fake->nin ? fake->in[fake->given++] : NULL;
        int skip = msg && !may_give(fake, msg);
        pthread_mutex_unlock(&fake->mutex);
        if (!msg)
            break;
        if (skip)
            continue;
        n++;
        if (fn(user, msg))
            break;
    }
    return n ? n : ecom_fail(err, ECOM_E_TIMEOUT, "nothing came");
}

static void fake_wake(void *member)
{
    struct fake_bus *fake = member;

    pthread_mutex_lock(&fake->mutex);
    fake->woken = 1;
    pthread_cond_broadcast(&fake->wake);
    pthread_mutex_unlock(&fake->mutex);
}

static int fake_ack(void *member, ecom_str topic, int32_t partition, int64_t offset,
                    ecom_error *err)
{
    struct fake_bus *fake = member;
    int r = ECOM_OK;

    (void)topic;
    pthread_mutex_lock(&fake->mutex);
    fake->acks++;
    if (fake->ack_code)
        r = ecom_fail(err, fake->ack_code, "cannot ack");
    else if (offset > fake->acked[partition])
        fake->acked[partition] = offset;
    pthread_mutex_unlock(&fake->mutex);
    return r;
}

static int fake_lag(void *member, uint64_t *lag, ecom_error *err)
{
    (void)err;
    *lag = ((struct fake_bus *)member)->lag;
    return ECOM_OK;
}

static void fake_leave(void *member)
{
    struct fake_bus *fake = member;

    pthread_mutex_lock(&fake->mutex);
    fake->members--;
    pthread_mutex_unlock(&fake->mutex);
}

static const ecom_bus_ops fake_ops = {
    .size = sizeof(ecom_bus_ops),
    .caps = ECOM_CAP_CONCURRENT,
    .name = "fake",
    .publish = fake_publish,
    .create_topic = fake_create_topic,
    .topics = fake_topics,
    .ping = fake_ping,
    .close = fake_close,
    .subscribe = fake_subscribe,
    .poll = fake_poll,
    .wake = fake_wake,
    .ack = fake_ack,
    .lag = fake_lag,
    .leave = fake_leave,
};

int fake_bus_open(struct fake_bus *fake, const ecom_env *env)
{
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;

    memset(fake, 0, sizeof(*fake));
    fake->revoke = -1;
    for (int i = 0; i < FAKE_PARTITIONS; i++)
        fake->acked[i] = -1;
    pthread_mutex_init(&fake->mutex, NULL);
    ecom__cond_init(&fake->wake);
    opts.env = env;
    return ecom_bus_new(&fake_ops, fake, &opts, &fake->bus, NULL);
}

void fake_bus_close(struct fake_bus *fake)
{
    ecom_bus_close(fake->bus);
    for (size_t i = 0; i < fake->nout; i++)
        free(fake->out[i]);
    for (size_t i = 0; i < fake->nin; i++)
        free(fake->in[i]);
    pthread_cond_destroy(&fake->wake);
    pthread_mutex_destroy(&fake->mutex);
}

void fake_bus_give(struct fake_bus *fake, const ecom_msg *msg)
{
    pthread_mutex_lock(&fake->mutex);
    fake->in[fake->nin++] = copy_of(msg);
    pthread_cond_broadcast(&fake->wake);
    pthread_mutex_unlock(&fake->mutex);
}

size_t fake_bus_published(struct fake_bus *fake)
{
    pthread_mutex_lock(&fake->mutex);
    size_t n = fake->nout;
    pthread_mutex_unlock(&fake->mutex);
    return n;
}

int64_t fake_bus_acked(struct fake_bus *fake, int32_t partition)
{
    pthread_mutex_lock(&fake->mutex);
    int64_t offset = fake->acked[partition];
    pthread_mutex_unlock(&fake->mutex);
    return offset;
}

ecom_str fake_header(const ecom_msg *msg, const char *name)
{
    for (size_t i = 0; i < msg->nheaders; i++)
        if (ecom_str_eq(msg->headers[i].name, ecom_str_of(name)))
            return msg->headers[i].value;
    return (ecom_str){"", 0};
}
