#include "ecom/env.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { STOCK_BYTES = 1024, FEW_BYTES = 16 };

static atomic_uint forks; /* that made this process; 0: nobody counts them */

static void count_fork(void)
{
    atomic_fetch_add(&forks, 1);
}

static void watch_forks(void)
{
    if (pthread_atfork(NULL, NULL, count_fork) == 0)
        atomic_store(&forks, 1);
}

static int64_t read_clock(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t system_now(void *self)
{
    (void)self;
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_monotonic(void *self)
{
    (void)self;
    return read_clock(CLOCK_MONOTONIC);
}

/* What an id needs is fetched for many at a time, by each thread for itself: a system call for each
 * would be felt. A child does not get what its parent has in stock, nor what is given out is kept.
 */
static void from_stock(void *out, size_t n, unsigned fork)
{
    static _Thread_local struct {
        unsigned fork;
        size_t left;
        unsigned char bytes[STOCK_BYTES];
    } stock;

    if (stock.fork != fork || stock.left < n) {
        randombytes_buf(stock.bytes, sizeof(stock.bytes));
        stock.fork = fork;
        stock.left = sizeof(stock.bytes);
    }
    stock.left -= n;
    memcpy(out, stock.bytes + stock.left, n);
    sodium_memzero(stock.bytes + stock.left, n);
}

/* libsodium aborts rather than give bad ones, and needs no sodium_init() for this. */
static void system_random(void *self, void *out, size_t n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)self;
    pthread_once(&once, watch_forks);
    unsigned fork = atomic_load(&forks);
    if (fork && n <= FEW_BYTES)
        from_stock(out, n, fork);
    else
        randombytes_buf(out, n);
}

const ecom_env *ecom_env_system(void)
{
    static const ecom_env env = {NULL, system_now, system_monotonic, system_random};

    return &env;
}

int64_t ecom_env_now_ms(const ecom_env *env)
{
    return env->now_us(env->self) / 1000;
}

int64_t ecom_env_monotonic_ms(const ecom_env *env)
{
    return env->monotonic_us(env->self) / 1000;
}

uint64_t ecom_env_random_below(const ecom_env *env, uint64_t below)
{
    uint64_t r, reject;

    if (below == 0)
        return 0;
    reject = (UINT64_MAX - below + 1) % below; /* 2^64 mod below: these would come too often */
    do
        env->random(env->self, &r, sizeof(r));
    while (r < reject);
    return r % below;
}

ecom_id ecom_id_new(const ecom_env *env)
{
    static const char hex[] = "0123456789abcdef";
    int64_t us = env->now_us(env->self);
    uint64_t ms = us > 0 ? (uint64_t)us / 1000 : 0, fraction = us > 0 ? (uint64_t)us % 1000 : 0;
    unsigned char b[16];
    ecom_id id;
    char *s = id.s;

    env->random(env->self, b, sizeof(b));
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)(ms >> (40 - 8 * i));
    fraction = fraction * 4096 / 1000;
    b[6] = (unsigned char)(0x70 | fraction >> 8);
    b[7] = (unsigned char)fraction;
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3F));
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *s++ = '-';
        *s++ = hex[b[i] >> 4];
        *s++ = hex[b[i] & 15];
    }
    *s = '\0';
    return id;
}

int ecom_id_valid(ecom_str s)
{
    if (s.n != 36)
        return 0;
    for (size_t i = 0; i < 36; i++) {
        char c = s.p[i];
        int dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return 0;
    }
    return 1;
}
