#include "mongodb/mongodb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keys may hold NUL, and we made it all. */
static void set_options(ecom__mdb_seat *seat)
{
    bson_error_t cause;

    bson_init(&seat->options);
    BSON_APPEND_BOOL(&seat->options, "validate", false);
    if (seat->session)
        mongoc_client_session_append(seat->session, &seat->options, &cause);
}

static void end_session(ecom__mdb_seat *seat)
{
    bson_destroy(&seat->options);
    if (seat->session)
        mongoc_client_session_destroy(seat->session);
    seat->session = NULL;
    seat->asked = 0;
    set_options(seat);
}

/* What is read elsewhere need not be as new as what was written here. */
static void begin_session(ecom__mdb_seat *seat)
{
    mongoc_session_opt_t *opts = mongoc_session_opts_new();

    mongoc_session_opts_set_causal_consistency(opts, false);
    seat->session = mongoc_client_start_session(seat->client, opts, NULL);
    mongoc_session_opts_destroy(opts);
    seat->asked = 1;
    bson_destroy(&seat->options);
    set_options(seat);
}

void ecom__mdb_seat_note(ecom__mdb_seat *seat, int ok)
{
    if (!ok)
        end_session(seat);
    else if (!seat->asked)
        begin_session(seat);
}

static ecom__mdb_seat *seat_new(mongoc_client_t *client)
{
    ecom__mdb_seat *seat = aligned_alloc(_Alignof(ecom__mdb_seat), sizeof(*seat));

    if (!seat)
        return NULL;
    memset(seat, 0, sizeof(*seat));
    seat->client = client;
    set_options(seat);
    return seat;
}

/* Its client goes back to the pool. */
static void seat_free(ecom__mdb *db, ecom__mdb_seat *seat)
{
    end_session(seat);
    bson_destroy(&seat->options);
    mongoc_collection_destroy(seat->collection);
    mongoc_client_pool_push(db->pool, seat->client);
    free(seat);
}

/* While somebody waits at the pool, clients go back there. */
int ecom__mdb_seat_take(ecom__mdb *db, ecom__mdb_seat **out, ecom_error *err)
{
    pthread_mutex_lock(&db->seats_lock);
    ecom__mdb_seat *seat = db->seats;
    if (seat)
        db->seats = seat->next;
    else
        db->waiting++;
    pthread_mutex_unlock(&db->seats_lock);
    if (seat) {
        *out = seat;
        return ECOM_OK;
    }
    mongoc_client_t *client = mongoc_client_pool_pop(db->pool);
    pthread_mutex_lock(&db->seats_lock);
    db->waiting--;
    pthread_mutex_unlock(&db->seats_lock);
    if (!client)
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "all connections were busy for %d ms",
                         db->timeout_ms);
    if ((*out = seat_new(client)))
        return ECOM_OK;
    mongoc_client_pool_push(db->pool, client);
    return ecom_fail(err, ECOM_E_NOMEM, "no memory for a connection");
}

void ecom__mdb_seat_give(ecom__mdb *db, ecom__mdb_seat *seat)
{
    pthread_mutex_lock(&db->seats_lock);
    const int stays = !db->waiting;
    if (stays) {
        seat->next = db->seats;
        db->seats = seat;
    }
    pthread_mutex_unlock(&db->seats_lock);
    if (!stays)
        seat_free(db, seat);
}

void ecom__mdb_seats_init(ecom__mdb *db)
{
    pthread_mutex_init(&db->seats_lock, NULL);
}

void ecom__mdb_seats_clear(ecom__mdb *db)
{
    ecom__mdb_seat *seat;

    while ((seat = db->seats)) {
        db->seats = seat->next;
        seat_free(db, seat);
    }
    pthread_mutex_destroy(&db->seats_lock);
}

static mongoc_collection_t *collection_of(const ecom__mdb *db, ecom__mdb_seat *seat,
                                          const char *name)
{
    if (seat->collection && strcmp(seat->name, name) == 0)
        return seat->collection;
    mongoc_collection_destroy(seat->collection);
    snprintf(seat->name, sizeof(seat->name), "%s", name);
    seat->collection = mongoc_client_get_collection(seat->client, db->database, name);
    return seat->collection;
}

int ecom__mdb_take(ecom__mdb *db, const char *name, int64_t until_us, ecom__mdb_use *use,
                   ecom_error *err)
{
    int r = ecom__mdb_check_time(db, until_us, err);

    if (r < 0 || (r = ecom__mdb_seat_take(db, &use->seat, err)) < 0)
        return r;
    use->until_us = until_us;
    use->broken = 0;
    use->client = use->seat->client;
    use->collection = collection_of(db, use->seat, name);
    return ECOM_OK;
}

void ecom__mdb_give(ecom__mdb *db, ecom__mdb_use *use)
{
    ecom__mdb_seat_give(db, use->seat);
}
