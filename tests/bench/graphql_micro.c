/* The engine without HTTP, in nanoseconds of CPU: reading and checking documents, and running one
 * that is prepared. Prints one JSON object. */
#include "graphql_shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char twenty_lines[] = "query Products($first: Int = 20, $id: ID!) {\n"
                                   "  product(id: $id) {\n"
                                   "    id\n"
                                   "    name\n"
                                   "    ...Price\n"
                                   "    similar(first: 3) {\n"
                                   "      id\n"
                                   "      name\n"
                                   "    }\n"
                                   "  }\n"
                                   "  products(first: $first) {\n"
                                   "    id\n"
                                   "    status\n"
                                   "    ...Price\n"
                                   "  }\n"
                                   "}\n"
                                   "fragment Price on Product {\n"
                                   "  price\n"
                                   "  currency\n"
                                   "}\n";
static const char nested[] = "{ groups { id items { id name price stock } } }";
enum { NESTED_SCALARS = SHOP_GROUPS + SHOP_GROUPS * SHOP_ITEMS * 4 };

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

/* Each text is another, so that none is found in the cache. */
static double prepare_ns(ecom_graphql *g, int times)
{
    char text[sizeof(twenty_lines) + 16];
    double spent = 0;

    for (int i = 0; i < times; i++) {
        ecom_graphql_document *document;
        ecom_buf response = {0};
        int n = snprintf(text, sizeof(text), "%s#%08d", twenty_lines, i);
        double start = cpu_ns();
        if (ecom_graphql_prepare(g, (ecom_str){text, (size_t)n}, &document, &response, NULL) < 0)
            fail(response.p ? response.p : "preparing");
        ecom_graphql_document_unref(document);
        spent += cpu_ns() - start;
    }
    return spent / times;
}

static double execute_ns(ecom_graphql *g, const char *query, int times)
{
    ecom_graphql_document *document;
    ecom_buf out = {0};

    if (ecom_graphql_prepare(g, ecom_str_of(query), &document, &out, NULL) < 0)
        fail(out.p ? out.p : "preparing");
    double start = cpu_ns();
    for (int i = 0; i < times; i++) {
        ecom_arena *arena = ecom_arena_new(0);
        out.n = 0;
        if (!arena || ecom_graphql_execute(g, document, NULL, arena, &out, NULL, NULL) < 0)
            fail("executing");
        ecom_arena_free(arena);
    }
    double spent = cpu_ns() - start;
    if (strncmp(out.p, "{\"data\":", 8) != 0)
        fail(out.p);
    ecom_graphql_document_unref(document);
    ecom_buf_free(&out);
    return spent / times;
}

static double best(double (*measure)(ecom_graphql *, const char *, int), ecom_graphql *g,
                   const char *query, int times)
{
    double least = 1e18;

    for (int round = 0; round < 5; round++) {
        double ns = measure(g, query, times);
        least = ns < least ? ns : least;
    }
    return least;
}

static double prepare_any(ecom_graphql *g, const char *query, int times)
{
    (void)query;
    return prepare_ns(g, times);
}

int main(void)
{
    ecom_graphql *g = bench_shop_open();
    double prepare = best(prepare_any, g, NULL, 2000);
    double typename_ = best(execute_ns, g, "{ __typename }", 20000);
    double twenty = best(execute_ns, g, "{ products(first: 20) { id name price } }", 5000);
    double thousand = best(execute_ns, g, nested, 200);

    printf("{\"prepare_20_lines_us\":%.2f,\"typename_ns\":%.0f,\"products_20_us\":%.2f,"
           "\"nested_1000_us\":%.1f,\"ns_per_scalar\":%.1f}\n",
           prepare / 1000, typename_, twenty / 1000, thousand / 1000,
           thousand / (int)NESTED_SCALARS);
    ecom_graphql_free(g);
    return 0;
}
