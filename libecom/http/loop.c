#include "http/channel.h"
#include "http/conn.h"

#include <stdlib.h>
#include <unistd.h>

enum { MAX_SPARE = 256 };

/* The loop ends when nothing is left that could call it. */
static void end_if_idle(struct loop *loop)
{
    if (atomic_load(&loop->server->stage) == SERVING || loop->conns || loop->away ||
        loop->listener.open)
        return;
    pthread_mutex_lock(&loop->lock);
    if (!loop->ended)
        uv_close((uv_handle_t *)&loop->wake, NULL);
    loop->ended = 1;
    pthread_mutex_unlock(&loop->lock);
}

static struct channel *take_touched(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct channel *ch = loop->touched;
    loop->touched = NULL;
    pthread_mutex_unlock(&loop->lock);
    return ch;
}

static void look_at_touched(struct loop *loop)
{
    for (struct channel *ch = take_touched(loop), *next; ch; ch = next) {
        pthread_mutex_lock(&ch->lock);
        next = ch->next_touched;
        ch->touched = 0;
        pthread_mutex_unlock(&ch->lock);
        if (ch->conn && !ch->conn->closing)
            ecom__http_conn_pump(ch->conn);
        ecom__http_channel_unref(ch);
    }
}

static struct ecom_exchange *take_done(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct ecom_exchange *x = loop->done;
    loop->done = NULL;
    loop->done_end = &loop->done;
    pthread_mutex_unlock(&loop->lock);
    return x;
}

static void on_wake(uv_async_t *wake)
{
    struct loop *loop = wake->data;

    for (struct ecom_exchange *x = take_done(loop), *next; x; x = next) {
        next = x->link;
        loop->away--;
        if (x->conn)
            ecom__http_conn_done(x->conn, x);
        else
            ecom__http_loop_recycle(loop, x);
    }
    look_at_touched(loop);
    int stage = atomic_load(&loop->server->stage);
    if (stage == DRAINING)
        ecom__http_listener_drain(loop);
    if (stage == ENDING)
        ecom__http_listener_close(loop);
    if (stage != SERVING)
        ecom__http_conn_drain(loop);
}

/* Once round the loop, before it sleeps: whoever closed the last thing need not know of the end. */
static void on_prepare(uv_prepare_t *prepare)
{
    end_if_idle(prepare->data);
}

static void *run(void *arg)
{
    struct loop *loop = arg;
    struct ecom_http_server *server = loop->server;
    uv_prepare_t prepare;

    uv_prepare_init(&loop->uv, &prepare);
    prepare.data = loop;
    uv_prepare_start(&prepare, on_prepare);
    uv_unref((uv_handle_t *)&prepare);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&prepare, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);

    pthread_mutex_lock(&server->lock);
    server->alive--;
    pthread_cond_signal(&server->ended);
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

/* Closes what was opened on a loop that never ran. */
static void discard(struct loop *loop)
{
    uv_close((uv_handle_t *)&loop->wake, NULL);
    ecom__http_listener_close(loop);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    ecom__http_loop_join(loop);
}

int ecom__http_loop_start(struct loop *loop, struct ecom_http_server *server, int fd,
                          ecom_error *err)
{
    *loop = (struct loop){.server = server, .done_end = &loop->done};
    loop->buffer = malloc(LOOP_READ_BYTES);
    int r = loop->buffer ? uv_loop_init(&loop->uv) : UV_ENOMEM;
    if (r < 0) {
        free(loop->buffer);
        close(fd);
        return ecom_fail(err, ECOM_E_NOMEM, "event loop: %s", uv_strerror(r));
    }
    pthread_mutex_init(&loop->lock, NULL);
    loop->wake.data = loop;
    if ((r = uv_async_init(&loop->uv, &loop->wake, on_wake)) < 0)
        goto no_wake;
    if ((r = ecom__http_listener_open(loop, fd)) < 0 ||
        (r = -ecom__thread_create(&loop->thread, run, loop)) < 0) {
        discard(loop);
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "event loop: %s", uv_strerror(r));
    }
    return ECOM_OK;
no_wake:
    ecom__http_loop_join(loop);
    close(fd);
    return ecom_fail(err, ECOM_E_NOMEM, "event loop: %s", uv_strerror(r));
}

void ecom__http_loop_wake(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    if (!loop->ended)
        uv_async_send(&loop->wake);
    pthread_mutex_unlock(&loop->lock);
}

void ecom__http_loop_touch(struct loop *loop, struct channel *ch)
{
    pthread_mutex_lock(&loop->lock);
    ch->next_touched = loop->touched;
    loop->touched = ch;
    if (!loop->ended)
        uv_async_send(&loop->wake);
    pthread_mutex_unlock(&loop->lock);
}

void ecom__http_loop_join(struct loop *loop)
{
    look_at_touched(loop);
    uv_loop_close(&loop->uv);
    for (struct ecom_exchange *x = loop->spare, *next; x; x = next) {
        next = x->next;
        ecom__http_exchange_free(x);
    }
    pthread_mutex_destroy(&loop->lock);
    free(loop->buffer);
}

void ecom__http_loop_done(struct ecom_exchange *x)
{
    struct loop *loop = x->loop;

    x->link = NULL;
    pthread_mutex_lock(&loop->lock);
    int first = !loop->done;
    *loop->done_end = x;
    loop->done_end = &x->link;
    if (first) /* under the lock: afterwards the loop may be gone */
        uv_async_send(&loop->wake);
    pthread_mutex_unlock(&loop->lock);
}

struct ecom_exchange *ecom__http_loop_exchange(struct loop *loop)
{
    struct ecom_exchange *x = loop->spare;

    if (x) {
        loop->spare = x->next;
        loop->nspare--;
    } else if (!(x = ecom__http_exchange_new(loop->server))) {
        return NULL;
    }
    x->next = NULL;
    x->loop = loop;
    return x;
}

void ecom__http_loop_recycle(struct loop *loop, struct ecom_exchange *x)
{
    if (loop->nspare == MAX_SPARE) {
        ecom__http_exchange_free(x);
        return;
    }
    ecom__http_exchange_reset(x);
    x->next = loop->spare;
    loop->spare = x;
    loop->nspare++;
}
