#include "peer.h"

#include "libecom/base/ascii.h"

static int keep(ecom_buf *to, ecom_str bytes)
{
    to->n = 0;
    return ecom_buf_append(to, bytes);
}

void peer_clear(struct peer *p)
{
    ecom_buf_free(&p->authorization);
    ecom_buf_free(&p->correlation_id);
    ecom_buf_free(&p->traceparent);
    ecom_buf_free(&p->address);
    ecom_buf_free(&p->user_id);
}

int peer_init(struct peer *p, struct live_world *world, ecom_exchange *x, ecom_error *err)
{
    p->world = world;
    if (keep(&p->correlation_id, ecom_exchange_correlation_id(x)) < 0 ||
        keep(&p->traceparent, ecom_exchange_traceparent(x)) < 0 ||
        keep(&p->address, ecom_exchange_peer(x)) < 0 ||
        keep(&p->authorization, ecom_exchange_header(x, "authorization")) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "a connection");
    p->log = ecom_log_with(world->d->log, ecom_buf_str(&p->correlation_id));
    return ECOM_OK;
}

static int peer_set_user(struct peer *p, const ecom_claims *claims, ecom_error *err)
{
    if (keep(&p->user_id, claims->sub) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "a connection");
    p->known = 1;
    p->expires_at_s = claims->expires_at_s;
    return ECOM_OK;
}

int peer_log_in(struct peer *p, ecom_str authorization, ecom_error *err)
{
    const ecom_jwt *jwt = p->world->d->jwt;
    ecom_arena *arena = ecom_arena_new(1 << 20);
    ecom_claims claims;
    int r = ECOM_OK;

    if (!arena)
        return ecom_fail(err, ECOM_E_NOMEM, "a connection");
    if (authorization.n <= 7 || !ecom__starts(authorization, "Bearer "))
        r = ecom_fail(err, ECOM_E_UNAUTHENTICATED, "authorization must be \"Bearer TOKEN\"");
    else if (jwt)
        r = ecom_jwt_verify(jwt, (ecom_str){authorization.p + 7, authorization.n - 7}, arena,
                            &claims, err);
    if (r == ECOM_OK && jwt)
        r = peer_set_user(p, &claims, err);
    if (r == ECOM_OK && authorization.p != p->authorization.p &&
        keep(&p->authorization, authorization) < 0)
        r = ecom_fail(err, ECOM_E_NOMEM, "a connection");
    ecom_arena_free(arena);
    return r;
}

void *peer_context(struct peer *p, ecom_arena *arena)
{
    struct request *request = ecom_arena_alloc(arena, sizeof(*request));

    if (!request)
        return NULL;
    const struct caller caller = {
        .authorization = ecom_buf_str(&p->authorization),
        .correlation_id = ecom_buf_str(&p->correlation_id),
        .traceparent = ecom_buf_str(&p->traceparent),
        .address = ecom_buf_str(&p->address),
        .user_id = p->known ? ecom_buf_str(&p->user_id) : (ecom_str){NULL, 0},
        .checked = p->world->d->jwt != NULL,
        .arena = arena,
        .log = &p->log,
    };
    *request = upstream_request(p->world->upstream, &caller);
    return request;
}

int64_t peer_left_ms(const struct peer *p)
{
    return p->expires_at_s * 1000 - ecom_env_now_ms(p->world->d->env);
}
