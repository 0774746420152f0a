/* What the embedded buses share with each other and with the core. */
#ifndef ECOM_BUS_EMBEDDED_H
#define ECOM_BUS_EMBEDDED_H

#include "ecom/backend.h"

enum {
    ECOM__BUS_MAX_TOPICS = 1000, /* of one embedded bus */
    ECOM__BUS_MAX_GROUPS = 1000,
    ECOM__BUS_RETENTION_SLICE = 64 /* old messages dropped by one publish, at least */
};

/* Where a key lives: murmur2 as Kafka's own clients have it, so that keys lie alike on all buses.
 * The empty key has no place of its own: turn, a counter of the caller's, chooses. */
int32_t ecom__bus_partition(ecom_str key, int32_t partitions, uint32_t *turn);

/* Who shall have which partition. Members keep what they have as far as an even share allows. */
struct ecom__assignment {
    size_t nmembers, ntopics, nslots;
    uint8_t *wants; /* [member * ntopics + topic]: subscribed to it */
    int32_t *topic; /* of each slot */
    int32_t *owner; /* of each slot; in: who has it; out: who shall have it; -1: nobody */
    int32_t *load;  /* of each member, by run() */
};

int ecom__assignment_init(struct ecom__assignment *a, size_t nmembers, size_t ntopics,
                          size_t nslots);
void ecom__assignment_run(struct ecom__assignment *a);
void ecom__assignment_clear(struct ecom__assignment *a);

/* By what is behind "memory:" and "sqlite:"; options are filled in. */
int ecom__bus_open_memory(const char *rest, const ecom_bus_options *opts, ecom_bus **out,
                          ecom_error *err);
int ecom__bus_open_sqlite(const char *rest, const ecom_bus_options *opts, ecom_bus **out,
                          ecom_error *err);

#endif
