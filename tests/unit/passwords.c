#include "check.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "argon2.h"
#include "ecom/auth.h"

static ecom_error e;

/* As cheap as it may be. */
static const ecom_password_options cheap = {
    .size = sizeof(ecom_password_options), .memory_kib = 8192, .passes = 1};

static void a_password_fits_its_hash_and_no_other(void)
{
    ecom_passwords *p = NULL;
    ecom_buf hash = {0}, again = {0};
    int stale = 7;

    CHECK_CODE(ECOM_OK, ecom_passwords_new(&cheap, &p, &e), e);
    CHECK_CODE(ECOM_OK, ecom_password_hash(p, S("correct horse"), &hash, &e), e);
    CHECK(!strncmp(hash.p, "$argon2id$v=19$m=8192,t=1,p=1$", 30), "%s", hash.p);
    CHECK_CODE(ECOM_OK,
               ecom_password_verify(p, S("correct horse"), ecom_buf_str(&hash), &stale, &e), e);
    CHECK_I64(0, stale);
    stale = 7;
    CHECK_CODE(ECOM_E_UNAUTHENTICATED,
               ecom_password_verify(p, S("Correct horse"), ecom_buf_str(&hash), &stale, &e), e);
    CHECK_I64(7, stale);
    CHECK_CODE(ECOM_OK, ecom_password_hash(p, S("correct horse"), &again, &e), e);
    CHECK(!ecom_str_eq(ecom_buf_str(&hash), ecom_buf_str(&again)), "no salt");
    ecom_buf_free(&hash);
    ecom_buf_free(&again);
    ecom_passwords_free(p);
    ecom_passwords_free(NULL);
}

static void an_unknown_account_reads_like_a_wrong_password(void)
{
    ecom_passwords *p = NULL;
    ecom_buf hash = {0};
    ecom_error unknown;

    CHECK_CODE(ECOM_OK, ecom_passwords_new(&cheap, &p, &e), e);
    CHECK_CODE(ECOM_OK, ecom_password_hash(p, S("correct horse"), &hash, &e), e);
    CHECK_CODE(ECOM_E_UNAUTHENTICATED,
               ecom_password_verify(p, S("wrong horse"), ecom_buf_str(&hash), NULL, &e), e);
    CHECK_CODE(ECOM_E_UNAUTHENTICATED,
               ecom_password_verify(p, S("wrong horse"), S(""), NULL, &unknown), unknown);
    CHECK_STR(e.text, ecom_str_of(unknown.text));
    ecom_buf_free(&hash);
    ecom_passwords_free(p);
}

static int64_t cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* In CPU time of this thread, best of three: a busy machine does not matter. */
static int64_t cost_us(ecom_passwords *p, ecom_str hash)
{
    int64_t best = INT64_MAX;

    for (int i = 0; i < 3; i++) {
        int64_t start = cpu_us();
        (void)!ecom_password_verify(p, S("wrong horse"), hash, NULL, NULL);
        int64_t us = cpu_us() - start;
        best = us < best ? us : best;
    }
    return best;
}

static void an_unknown_account_costs_what_a_wrong_password_costs(void)
{
    ecom_passwords *p = NULL;
    ecom_buf hash = {0};

    CHECK_CODE(ECOM_OK, ecom_passwords_new(&cheap, &p, &e), e);
    CHECK_CODE(ECOM_OK, ecom_password_hash(p, S("correct horse"), &hash, &e), e);
    int64_t wrong = cost_us(p, ecom_buf_str(&hash)), unknown = cost_us(p, S(""));
    CHECK(unknown > wrong / 2 && wrong > unknown / 2, "%d us for a wrong, %d for an unknown one",
          (int)wrong, (int)unknown);
    ecom_buf_free(&hash);
    ecom_passwords_free(p);
}

static void lengths_are_bounded_to_the_byte(void)
{
    static const size_t lengths[] = {0, 7, 8, 256, 257};
    ecom_passwords *p = NULL;
    char text[257];

    memset(text, 'p', sizeof(text));
    text[3] = '\0'; /* any byte is fine */
    CHECK_CODE(ECOM_OK, ecom_passwords_new(&cheap, &p, &e), e);
    for (size_t i = 0; i < 5; i++) {
        ecom_buf hash = {0};
        ecom_str password = {text, lengths[i]};
        int fits = i == 2 || i == 3;
        CHECK_CODE(fits ? ECOM_OK : ECOM_E_INVAL, ecom_password_hash(p, password, &hash, &e), e);
        if (!fits)
            CHECK_STR("password", ecom_str_of(e.field));
        CHECK_CODE(fits ? ECOM_OK : ECOM_E_UNAUTHENTICATED,
                   ecom_password_verify(p, password, ecom_buf_str(&hash), NULL, &e), e);
        ecom_buf_free(&hash);
    }
    ecom_passwords_free(p);
}

static void a_hash_made_with_less_is_stale_and_one_with_more_is_not(void)
{
    static const ecom_password_options better = {
        .size = sizeof(ecom_password_options), .memory_kib = 8200, .passes = 2};
    ecom_passwords *weak = NULL, *strong = NULL;
    ecom_buf hash = {0}, good = {0};
    int stale = 0;

    CHECK_CODE(ECOM_OK, ecom_passwords_new(&cheap, &weak, &e), e);
    CHECK_CODE(ECOM_OK, ecom_passwords_new(&better, &strong, &e), e);
    CHECK_CODE(ECOM_OK, ecom_password_hash(weak, S("correct horse"), &hash, &e), e);
    CHECK_CODE(ECOM_OK, ecom_password_hash(strong, S("correct horse"), &good, &e), e);
    CHECK_CODE(ECOM_OK,
               ecom_password_verify(strong, S("correct horse"), ecom_buf_str(&hash), &stale, &e),
               e);
    CHECK_I64(1, stale);
    CHECK_CODE(ECOM_OK,
               ecom_password_verify(weak, S("correct horse"), ecom_buf_str(&good), &stale, &e), e);
    CHECK_I64(0, stale);
    ecom_buf_free(&hash);
    ecom_buf_free(&good);
    ecom_passwords_free(weak);
    ecom_passwords_free(strong);
}

static void damaged_hashes_are_told_from_wrong_passwords(void)
{
    static const char *const bad[] = {
        "x",
        "correct horse",
        "$argon2i$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAA",
        "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8192,t=11,p=1$c29tZXNhbHRzb21lc2FsdA$"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8192,t=-1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAA",
        "$argon2id$v=19$m=8192,t=1,p=9$c29tZXNhbHRzb21lc2FsdA$AAAA",
        "$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21lc2Fsd$"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21lc2FsdB$"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$2b$12$abcdefghijklmnopqrstuv",
    };
    ecom_passwords *p = NULL;
    char big[200];

    memset(big, 'x', sizeof(big));
    CHECK_CODE(ECOM_OK, ecom_passwords_new(&cheap, &p, &e), e);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_CODE(ECOM_E_CORRUPT,
                   ecom_password_verify(p, S("correct horse"), ecom_str_of(bad[i]), NULL, &e), e);
    CHECK_CODE(ECOM_E_CORRUPT,
               ecom_password_verify(p, S("correct horse"), (ecom_str){big, sizeof(big)}, NULL, &e),
               e);
    ecom_passwords_free(p);
}

static void options_out_of_range_are_refused(void)
{
    static const ecom_password_options bad[] = {
        {.memory_kib = 8191},   {.memory_kib = 1048577}, {.passes = 11},
        {.max_concurrent = 65}, {.max_waiting = 4097},
    };
    ecom_passwords *p = NULL;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_CODE(ECOM_E_INVAL, ecom_passwords_new(&bad[i], &p, &e), e);
    CHECK_CODE(ECOM_OK, ecom_passwords_new(NULL, &p, &e), e);
    ecom_passwords_free(p);
}

static void hash_without_memory(ecom_passwords *p, void fail(uint64_t n), ecom_buf *hash)
{
    for (uint64_t n = 1, failed = 1; failed; n++) {
        ecom_buf_free(hash);
        fail(n);
        int r = ecom_password_hash(p, S("correct horse"), hash, &e);
        failed = (uint64_t)check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK_CODE(failed ? ECOM_E_NOMEM : ECOM_OK, r, e);
        CHECK(!failed || hash->n == 0, "half a hash");
    }
}

/* Never "wrong password" for want of memory, and never a right one. */
static void verify_without_memory(ecom_passwords *p, void fail(uint64_t n), ecom_str password,
                                  ecom_str hash, int want)
{
    for (uint64_t n = 1, failed = 1; failed; n++) {
        fail(n);
        int r = ecom_password_verify(p, password, hash, NULL, &e);
        failed = (uint64_t)check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK_CODE(failed ? ECOM_E_NOMEM : want, r, e);
        CHECK_CODE(want, ecom_password_verify(p, password, hash, NULL, &e), e);
    }
}

static void every_failed_allocation_gives_nomem(void)
{
    static void (*const fails[])(uint64_t n) = {check_alloc_fail_at, check_alloc_fail_from};
    ecom_passwords *p = NULL;
    ecom_buf hash = {0};

    check_alloc_fail_at(1);
    CHECK_CODE(ECOM_E_NOMEM, ecom_passwords_new(&cheap, &p, &e), e);
    CHECK_CODE(ECOM_OK, ecom_passwords_new(&cheap, &p, &e), e);
    for (size_t i = 0; i < 2 && !check_failed; i++) {
        hash_without_memory(p, fails[i], &hash);
        ecom_str known = ecom_buf_str(&hash);
        if (!check_failed)
            verify_without_memory(p, fails[i], S("correct horse"), known, ECOM_OK);
        if (!check_failed)
            verify_without_memory(p, fails[i], S("wrong horse"), known, ECOM_E_UNAUTHENTICATED);
        if (!check_failed)
            verify_without_memory(p, fails[i], S("any horse"), S(""), ECOM_E_UNAUTHENTICATED);
    }
    ecom_buf_free(&hash);
    ecom_passwords_free(p);
}

/* A crowd that hashes at a gate: while it is shut, whoever begins to hash stays inside. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    int guarded, shut, inside, most_inside, ok, rate, other;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

int __real_crypto_pwhash_argon2id_str(char *out, const char *password, unsigned long long n,
                                      unsigned long long passes, size_t memory);
int __wrap_crypto_pwhash_argon2id_str(char *out, const char *password, unsigned long long n,
                                      unsigned long long passes, size_t memory);

int __wrap_crypto_pwhash_argon2id_str(char *out, const char *password, unsigned long long n,
                                      unsigned long long passes, size_t memory)
{
    if (gate.guarded) {
        pthread_mutex_lock(&gate.lock);
        gate.inside++;
        gate.most_inside = gate.inside > gate.most_inside ? gate.inside : gate.most_inside;
        pthread_cond_broadcast(&gate.moved);
        while (gate.shut)
            pthread_cond_wait(&gate.moved, &gate.lock);
        gate.inside--;
        pthread_mutex_unlock(&gate.lock);
    }
    return __real_crypto_pwhash_argon2id_str(out, password, n, passes, memory);
}

static void *hash_once(void *user)
{
    ecom_buf hash = {0};
    ecom_error mine;
    int r = ecom_password_hash(user, S("correct horse"), &hash, &mine);

    pthread_mutex_lock(&gate.lock);
    gate.ok += r == ECOM_OK;
    gate.rate += r == ECOM_E_RATE && mine.retry_after_ms > 0;
    gate.other += r != ECOM_OK && r != ECOM_E_RATE;
    pthread_cond_broadcast(&gate.moved);
    pthread_mutex_unlock(&gate.lock);
    ecom_buf_free(&hash);
    return NULL;
}

static void a_crowd_waits_in_a_queue_of_the_length_that_was_set(void)
{
    enum { PLACES = 2, WAITING = 3, CROWD = 9 };
    static const ecom_password_options narrow = {.size = sizeof(narrow),
                                                 .memory_kib = 8192,
                                                 .passes = 1,
                                                 .max_concurrent = PLACES,
                                                 .max_waiting = WAITING};
    ecom_passwords *p = NULL;
    pthread_t threads[CROWD];

    CHECK_CODE(ECOM_OK, ecom_passwords_new(&narrow, &p, &e), e);
    gate.guarded = gate.shut = 1;
    for (int i = 0; i < CROWD; i++)
        CHECK(pthread_create(&threads[i], NULL, hash_once, p) == 0, "thread");
    pthread_mutex_lock(&gate.lock);
    while (gate.rate < CROWD - PLACES - WAITING || gate.inside < PLACES)
        pthread_cond_wait(&gate.moved, &gate.lock);
    gate.shut = 0;
    pthread_cond_broadcast(&gate.moved);
    pthread_mutex_unlock(&gate.lock);
    for (int i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    CHECK_I64(PLACES, gate.most_inside);
    CHECK_I64(PLACES + WAITING, gate.ok);
    CHECK_I64(CROWD - PLACES - WAITING, gate.rate);
    CHECK_I64(0, gate.other);

    hash_once(p);
    CHECK_I64(PLACES + WAITING + 1, gate.ok);
    gate.guarded = 0;
    ecom_passwords_free(p);
}

/* Or a machine short of memory would tell people that their passwords are wrong. */
static void no_memory_to_hash_is_no_wrong_password(void)
{
    ecom_passwords *p = NULL;
    ecom_buf hash = {0};

    CHECK_CODE(ECOM_OK, ecom_passwords_new(&cheap, &p, &e), e);
    CHECK_CODE(ECOM_OK, ecom_password_hash(p, S("correct horse"), &hash, &e), e);
    argon2.starved = 1;
    CHECK_CODE(ECOM_E_NOMEM,
               ecom_password_verify(p, S("correct horse"), ecom_buf_str(&hash), NULL, &e), e);
    CHECK_CODE(ECOM_E_NOMEM, ecom_password_verify(p, S("correct horse"), S(""), NULL, &e), e);
    argon2.starved = 0;
    CHECK_CODE(ECOM_OK, ecom_password_verify(p, S("correct horse"), ecom_buf_str(&hash), NULL, &e),
               e);
    ecom_buf_free(&hash);
    ecom_passwords_free(p);
}

static const struct check_case cases[] = {
    CASE(a_password_fits_its_hash_and_no_other),
    CASE(an_unknown_account_reads_like_a_wrong_password),
    CASE(an_unknown_account_costs_what_a_wrong_password_costs),
    CASE(lengths_are_bounded_to_the_byte),
    CASE(a_hash_made_with_less_is_stale_and_one_with_more_is_not),
    CASE(damaged_hashes_are_told_from_wrong_passwords),
    CASE(options_out_of_range_are_refused),
    CASE(every_failed_allocation_gives_nomem),
    CASE(a_crowd_waits_in_a_queue_of_the_length_that_was_set),
    CASE(no_memory_to_hash_is_no_wrong_password),
};

CHECK_MAIN("passwords", cases)
