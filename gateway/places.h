/* How far somebody has come on the bus. As text it is the id of an event, which who comes back
 * hands in: the same whichever process says it. */
#ifndef GATEWAY_PLACES_H
#define GATEWAY_PLACES_H

#include <ecom/base.h>

enum { PLACES_TOPICS = 2, PLACES_PARTITIONS = 64 }; /* of each topic; those above are not told */

/* Of each partition, the offset behind the last event; 0: none came. */
struct places {
    int64_t next[PLACES_TOPICS][PLACES_PARTITIONS];
};

/* `3.0.12-1`: the partitions of one topic, then those of the other. To be freed; NULL: out of
 * memory. */
char *places_write(const struct places *places);
/* Truth: places_write() may have written it. Otherwise @p out is the beginning of all. */
int places_read(ecom_str text, struct places *out);
/* Moves on to where @p other is further. */
void places_join(struct places *places, const struct places *other);

#endif
