/* A bus that does what the test says: what was published is kept in a list, messages for members
 * lie in another, and calls fail on demand. May be used from several threads. */
#ifndef FLOW_FAKE_H
#define FLOW_FAKE_H

#include <pthread.h>

#include "check.h"
#include "ecom/backend.h"

enum { FAKE_MAX = 8192, FAKE_PARTITIONS = 8 };

struct fake_bus {
    ecom_bus *bus;
    pthread_mutex_t mutex;
    pthread_cond_t wake;

    /* What was published. */
    ecom_msg *out[FAKE_MAX];
    size_t nout, publishes;
    /* How publish() fails: so many times (SIZE_MAX: for ever) with this, after so many messages. */
    size_t fail_times, fail_done;
    int fail_code;
    const char *refuse;  /* messages with this body... */
    int refuse_code;     /* ...are refused with this, */
    size_t refuse_above; /* as are longer bodies than this, when it is not 0 */

    /* What waits for the member, and what it did. */
    ecom_msg *in[FAKE_MAX];
    size_t nin, given;
    int joins, members, woken;
    int poll_code, ack_code, subscribe_code; /* while not 0, these calls fail with it */
    size_t polls, acks;
    uint32_t last_max;
    int32_t last_timeout;
    int64_t acked[FAKE_PARTITIONS]; /* by partition, of whatever topic; -1: none */
    uint64_t lag;
    ecom_subscription sub;
    ecom_str topic; /* its first */
    int32_t revoke; /* the next poll takes this partition away first; -1: none */
};

int fake_bus_open(struct fake_bus *fake, const ecom_env *env);
void fake_bus_close(struct fake_bus *fake);
/* Puts a message before the member. */
void fake_bus_give(struct fake_bus *fake, const ecom_msg *msg);
size_t fake_bus_published(struct fake_bus *fake);
int64_t fake_bus_acked(struct fake_bus *fake, int32_t partition);
/* The value of a header, empty when there is none. */
ecom_str fake_header(const ecom_msg *msg, const char *name);

#endif
