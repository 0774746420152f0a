/* Who is at the other end of a connection that stays, kept for the requests that come over it. */
#ifndef GATEWAY_PEER_H
#define GATEWAY_PEER_H

#include "live.h"

/* Set before anything runs, or, on a socket, once: with connection_init, before which nothing
 * runs. */
struct peer {
    struct live_world *world;
    ecom_buf authorization, correlation_id, traceparent, address, user_id;
    int64_t expires_at_s; /* 0: never, or not checked */
    int32_t known;
    ecom_log log;
};

/* Keeps what the request that opens the connection says. It is cleared also where this fails. */
int peer_init(struct peer *p, struct live_world *world, ecom_exchange *x, ecom_error *err);
void peer_clear(struct peer *p);
/* Takes `Bearer TOKEN`: what peer_init() kept, or another, which is kept instead. */
int peer_log_in(struct peer *p, ecom_str authorization, ecom_error *err);
/* Milliseconds that the token is still good for. */
int64_t peer_left_ms(const struct peer *p);
/* A struct request, in the arena; NULL: out of memory. */
void *peer_context(struct peer *p, ecom_arena *arena);

#endif
