/* A clock that a slow machine slows, too: for bounds of calls that do little but wait. It is the
 * count of a thread that sleeps again and again, and wakes late when others do. */
#ifndef PACE_H
#define PACE_H

#include <stdint.h>

/* Milliseconds since the first call, or fewer. */
int64_t pace_ms(void);

#endif
