/** @file
 * The conformance suites: what every store and every bus must do, written once. Link
 * `libecom-testing`, describe how your backend is opened, and run:
 *
 *     int main(int argc, char **argv)
 *     {
 *         ecom_bus_fixture f = {sizeof(f), ECOM_TEST_SHARED, "mine", NULL, fresh, open, clear};
 *         return ecom_bus_suite(&f, argc, argv);
 *     }
 *
 * It prints TAP and returns what main() returns. An argument runs the cases whose name contains it.
 */
#ifndef ECOM_TESTING_H
#define ECOM_TESTING_H

#include "backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a fixture can show. Cases that need more are skipped. */
enum {
    ECOM_TEST_SHARED = 1 << 0,    /**< open() twice gives two handles on the same data */
    ECOM_TEST_DURABLE = 1 << 1,   /**< the data outlives its handles */
    ECOM_TEST_PROCESSES = 1 << 2, /**< open() in a forked process gives the same data */
    ECOM_TEST_CLOCK = 1 << 3,     /**< the backend knows the time from options.env alone */
    ECOM_TEST_EAGER = 1 << 4      /**< when a group changes, all members lose all partitions, and
                                   *   get their new ones behind what was acked */
};

/** How a bus under test is opened. */
typedef struct ecom_bus_fixture {
    uint32_t size;
    uint32_t flags;   /**< ECOM_TEST_* */
    const char *name; /**< in front of each case */
    void *user;
    /** Before each case: from now on open() opens data that is empty. Nullable. */
    int (*fresh)(void *user, ecom_error *err);
    /** Opens a handle on the data. */
    int (*open)(void *user, const ecom_bus_options *opts, ecom_bus **out, ecom_error *err);
    /** After each case, when all is closed: the data can go. Nullable. */
    void (*clear)(void *user);
    int32_t settle_ms; /**< what a group may take to share out its partitions; 0: one poll each */
} ecom_bus_fixture;

/** Runs the cases for a bus. @return 0; 1: one failed. */
ECOM_API int ecom_bus_suite(const ecom_bus_fixture *fixture, int argc, char **argv);

/** How a store under test is opened: as a bus is. */
typedef struct ecom_store_fixture {
    uint32_t size;
    uint32_t flags;   /**< ECOM_TEST_* */
    const char *name; /**< in front of each case */
    void *user;
    /** Before each case: from now on open() opens data that is empty. Nullable. */
    int (*fresh)(void *user, ecom_error *err);
    /** Opens a handle on the data. */
    int (*open)(void *user, const ecom_store_options *opts, ecom_store **out, ecom_error *err);
    /** After each case, when all is closed: the data can go. Nullable. */
    void (*clear)(void *user);
} ecom_store_fixture;

/** Runs the cases for a store. @return 0; 1: one failed. */
ECOM_API int ecom_store_suite(const ecom_store_fixture *fixture, int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
