/* Saves orders with their event through the store, and the same bytes by the bare driver, round
 * about, on the server whose URL is given: microseconds each, of this process' CPU and by the
 * clock. */
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ecom/store.h"

enum { EACH = 200, MOST_ROUNDS = 50 };

static double now_us(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int save(ecom_store *store, int n)
{
    char id[64], doc[512];
    const ecom_str topic = {"order-events", 12}, index = {"status", 6}, value = {"PENDING", 7};
    const ecom_entry entry = {index, value, 0};

    snprintf(id, sizeof(id), "01a20500-0000-7000-8000-%012d", n);
    snprintf(doc, sizeof(doc),
             "{\"id\":\"%s\",\"userId\":\"%s\",\"amount\":19.99,\"currency\":\"USD\","
             "\"status\":\"PENDING\",\"createdAt\":\"2026-11-22T18:25:43.511Z\"}",
             id, id);
    const ecom_msg event = {
        .id = ecom_str_of(id), .topic = topic, .key = ecom_str_of(id), .body = ecom_str_of(doc)};
    const ecom_change change = {.collection = {"orders", 6},
                                .id = ecom_str_of(id),
                                .doc = ecom_str_of(doc),
                                .entries = &entry,
                                .nentries = 1,
                                .events = &event,
                                .nevents = 1};
    return ecom_store_put(store, &change, NULL, NULL);
}

/* The n-th of our documents, under another id. */
static bson_t *same_bytes(mongoc_collection_t *orders, int n)
{
    bson_t filter = BSON_INITIALIZER, *copy = bson_new();
    const bson_t *found;
    char id[64];

    snprintf(id, sizeof(id), "01a20500-0000-7000-8000-%012d", n);
    BSON_APPEND_UTF8(&filter, "_id", id);
    id[0] = '1';
    BSON_APPEND_UTF8(copy, "_id", id);
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(orders, &filter, NULL, NULL);
    if (mongoc_cursor_next(cursor, &found))
        bson_copy_to_excluding_noinit(found, copy, "_id", NULL);
    mongoc_cursor_destroy(cursor);
    bson_destroy(&filter);
    return copy;
}

static void print_medians(const char *name, double *cpu, double *wait, size_t rounds,
                          const char *end)
{
    qsort(cpu, rounds, sizeof(*cpu), order);
    qsort(wait, rounds, sizeof(*wait), order);
    printf("\"%s_cpu_us\": %.1f, \"%s_us\": %.1f%s", name, cpu[rounds / 2], name, wait[rounds / 2],
           end);
}

int main(int argc, char **argv)
{
    static double cpu[2][MOST_ROUNDS], wait[2][MOST_ROUNDS];
    size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;
    ecom_store *store = NULL;
    ecom_error e = {0};

    if (argc < 2 || rounds < 1 || rounds > MOST_ROUNDS ||
        ecom_store_open(argv[1], NULL, &store, &e) < 0 || save(store, 0) < 0) {
        fprintf(stderr, "usage: mongodb_floor URL [ROUNDS] %s\n", e.text);
        return 1;
    }
    mongoc_init();
    mongoc_uri_t *uri = mongoc_uri_new(argv[1]);
    mongoc_write_concern_t *concern = mongoc_write_concern_new();
    mongoc_write_concern_set_wmajority(concern, 0);
    mongoc_write_concern_set_journal(concern, true);
    mongoc_uri_set_write_concern(uri, concern);
    mongoc_client_pool_t *pool = mongoc_client_pool_new(uri);
    mongoc_client_t *client = mongoc_client_pool_pop(pool);
    mongoc_collection_t *orders =
        mongoc_client_get_collection(client, mongoc_uri_get_database(uri), "orders");
    int failed = 0;

    for (size_t round = 0; round < rounds; round++) {
        bson_t *docs[EACH];
        int first = 1 + (int)round * EACH;
        double c = now_us(CLOCK_PROCESS_CPUTIME_ID), w = now_us(CLOCK_MONOTONIC);
        for (int i = 0; i < EACH; i++)
            failed += save(store, first + i) < 0;
        cpu[0][round] = (now_us(CLOCK_PROCESS_CPUTIME_ID) - c) / (double)EACH;
        wait[0][round] = (now_us(CLOCK_MONOTONIC) - w) / (double)EACH;
        for (int i = 0; i < EACH; i++)
            docs[i] = same_bytes(orders, first + i);
        c = now_us(CLOCK_PROCESS_CPUTIME_ID), w = now_us(CLOCK_MONOTONIC);
        for (int i = 0; i < EACH; i++)
            failed += !mongoc_collection_insert_one(orders, docs[i], NULL, NULL, NULL);
        cpu[1][round] = (now_us(CLOCK_PROCESS_CPUTIME_ID) - c) / (double)EACH;
        wait[1][round] = (now_us(CLOCK_MONOTONIC) - w) / (double)EACH;
        for (int i = 0; i < EACH; i++)
            bson_destroy(docs[i]);
    }
    double cpu_ratio[MOST_ROUNDS], wait_ratio[MOST_ROUNDS];
    for (size_t i = 0; i < rounds; i++) {
        cpu_ratio[i] = cpu[0][i] / cpu[1][i];
        wait_ratio[i] = wait[0][i] / wait[1][i];
    }
    qsort(cpu_ratio, rounds, sizeof(*cpu_ratio), order);
    qsort(wait_ratio, rounds, sizeof(*wait_ratio), order);
    printf("{");
    print_medians("ours", cpu[0], wait[0], rounds, ", ");
    print_medians("floor", cpu[1], wait[1], rounds, ", ");
    printf("\"ratio_cpu\": %.3f, \"ratio\": %.3f, \"failed\": %d}\n", cpu_ratio[rounds / 2],
           wait_ratio[rounds / 2], failed);
    mongoc_collection_destroy(orders);
    mongoc_client_pool_push(pool, client);
    mongoc_client_pool_destroy(pool);
    mongoc_write_concern_destroy(concern);
    mongoc_uri_destroy(uri);
    ecom_store_close(store);
    return failed != 0;
}
