#include "http_wait.h"

#include <pthread.h>
#include <sys/socket.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int is_open, inside;

void count(int *what)
{
    pthread_mutex_lock(&lock);
    ++*what;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

int count_of(const int *what)
{
    pthread_mutex_lock(&lock);
    int n = *what;
    pthread_mutex_unlock(&lock);
    return n;
}

void await_count(const int *what, int n)
{
    pthread_mutex_lock(&lock);
    while (*what < n)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

void read_until_counted(struct wire *w, const int *what)
{
    const struct timeval soon = {.tv_usec = 1000};
    char some[16 << 10];

    setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
    while (count_of(what) == 0 && recv(w->fd, some, sizeof(some), 0) != 0)
        ;
}

int pass_gate(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    pthread_mutex_lock(&lock);
    inside++;
    pthread_cond_broadcast(&changed);
    while (!is_open)
        pthread_cond_wait(&changed, &lock);
    inside--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return ecom_buf_append(ecom_exchange_out(x), S("through"));
}

void gate_set(int open)
{
    pthread_mutex_lock(&lock);
    is_open = open;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void gate_await(int n)
{
    pthread_mutex_lock(&lock);
    while (inside != n)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

int gate_inside(void)
{
    return count_of(&inside);
}
