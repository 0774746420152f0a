/* A service of one's own with HTTP routes: seats, each taken once, by whoever brings a token of the
 * shop's user service. The tables below also give the checks of what comes in, GET /openapi.json,
 * and the unique index that makes a second taker a 409.
 *
 *     cc seats.c -o seats $(pkg-config --cflags --libs libecom-http)
 *     JWT_SECRET=... ./seats sqlite:data/bus sqlite:data/seats.db 3010
 *     curl -H "Authorization: Bearer $TOKEN" --json '{"seat": "A1"}' localhost:3010/seats
 */
#include <ecom/ecom.h>
#include <ecom/http.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct taken {
    ecom_str id, seat, user_id;
    int64_t at_ms;
};

static const ecom_field fields[] = {
    ECOM_FIELD(struct taken, id, "id", ID, .flags = ECOM_REQUIRED | ECOM_READONLY),
    ECOM_FIELD(struct taken, seat, "seat", STRING, .flags = ECOM_REQUIRED | ECOM_UNIQUE, .min = 1,
               .max = 8),
    ECOM_FIELD(struct taken, user_id, "userId", STRING,
               .flags = ECOM_REQUIRED | ECOM_READONLY | ECOM_INDEX, .max = 128),
    ECOM_FIELD(struct taken, at_ms, "takenAt", TIME, .flags = ECOM_REQUIRED | ECOM_READONLY),
};
static const ecom_record record = ECOM_RECORD("Seat", struct taken, fields);

/* What a caller may say of one. */
static const ecom_field request_fields[] = {
    ECOM_FIELD(struct taken, seat, "seat", STRING, .flags = ECOM_REQUIRED, .min = 1, .max = 8),
};
static const ecom_record request = ECOM_RECORD("NewSeat", struct taken, request_fields);

struct seat_taken {
    ecom_envelope envelope;
    ecom_str seat, user_id;
};

static const ecom_field event_fields[] = {
    ECOM_ENVELOPE_FIELDS(struct seat_taken),
    ECOM_FIELD(struct seat_taken, seat, "seat", STRING, .flags = ECOM_REQUIRED, .max = 8),
    ECOM_FIELD(struct seat_taken, user_id, "userId", STRING, .flags = ECOM_REQUIRED, .max = 128),
};
static const ecom_record event_record = ECOM_RECORD("SeatTaken", struct seat_taken, event_fields);
static const ecom_contract contract = {"SEAT_TAKEN", "seat-events", "seat", &event_record};

static const ecom_str collection = {"seats", 5};

/* The document and the event that tells of it are one write. ECOM_E_EXISTS, of a seat that is
 * taken, becomes 409 as it is returned. */
static int post_seat(void *store, ecom_exchange *x, ecom_error *err)
{
    const ecom_id id = ecom_id_new(ecom_env_system()), event_id = ecom_id_new(ecom_env_system());
    struct taken taken = *(const struct taken *)ecom_exchange_request(x);
    ecom_change change = {.collection = collection, .id = ecom_str_of(id.s)};
    ecom_msg event;

    taken.id = change.id;
    taken.user_id = ecom_exchange_claims(x)->sub;
    taken.at_ms = ecom_env_now_ms(ecom_env_system());
    const struct seat_taken told = {
        .envelope = {.id = ecom_str_of(event_id.s),
                     .time_ms = taken.at_ms,
                     .correlation_id = ecom_exchange_correlation_id(x),
                     .traceparent = ecom_exchange_traceparent(x)},
        .seat = taken.seat,
        .user_id = taken.user_id,
    };
    int r = ecom_event_encode(&contract, (ecom_str){0}, &told, ecom_exchange_arena(x), &event, err);
    change.events = &event, change.nevents = 1;
    if (r == ECOM_OK)
        r = ecom_store_put_record(store, &change, &record, &taken, ecom_exchange_arena(x), NULL,
                                  err);
    return r == ECOM_OK ? ecom_exchange_reply(x, &record, &taken, err) : r;
}

static int get_seat(void *store, ecom_exchange *x, ecom_error *err)
{
    struct taken taken;
    int r = ecom_store_get_record(store, collection, ecom_exchange_param(x, "id"), &record,
                                  ecom_exchange_arena(x), &taken, NULL, err);

    return r == ECOM_OK ? ecom_exchange_reply(x, &record, &taken, err) : r;
}

static int is_ready(void *store, ecom_error *err)
{
    return ecom_store_ping(store, err);
}

static const ecom_route routes[] = {
    {.method = "POST",
     .pattern = "/seats",
     .handle = post_seat,
     .flags = ECOM_ROUTE_AUTH,
     .request = &request,
     .response = &record,
     .status = 201,
     .summary = "Takes a seat."},
    {.method = "GET",
     .pattern = "/seats/{id}",
     .handle = get_seat,
     .flags = ECOM_ROUTE_AUTH,
     .response = &record,
     .summary = "Who has it, and since when."},
};

int main(int argc, char **argv)
{
    ecom_jwt_options tokens = {.size = sizeof(tokens), .secret = ecom_str_of(getenv("JWT_SECRET"))};
    ecom_http_options http = {.size = sizeof(http), .name = "seats", .version = "1"};
    ecom_relay_options relaying = ECOM_RELAY_OPTIONS_INIT;
    ecom_http_server *server = NULL;
    ecom_relay *relay = NULL;
    ecom_jwt *jwt = NULL;
    ecom_error e = {.text = "usage: seats BUS-URL STORE-URL PORT"};
    sigset_t stop;
    int got;

    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL); /* before any thread is started */
    int ok = argc == 4 && ecom_jwt_new(&tokens, &jwt, &e) == ECOM_OK &&
             ecom_bus_open(argv[1], NULL, &relaying.bus, &e) == ECOM_OK &&
             ecom_store_open(argv[2], NULL, &relaying.store, &e) == ECOM_OK;
    http.jwt = jwt, http.user = relaying.store, http.ready = is_ready;
    http.port = argc == 4 ? atoi(argv[3]) : 0;
    http.routes = routes, http.nroutes = sizeof(routes) / sizeof(routes[0]);
    ok = ok && ecom_relay_new(&relaying, &relay, &e) == ECOM_OK &&
         ecom_http_server_new(&http, &server, &e) == ECOM_OK &&
         ecom_relay_start(relay, &e) == ECOM_OK && ecom_http_server_start(server, &e) == ECOM_OK;
    if (ok) {
        printf("seats on :%d\n", (int)ecom_http_server_port(server));
        fflush(stdout);
        sigwait(&stop, &got);
    } else {
        fprintf(stderr, "seats: %s\n", e.text);
    }
    ecom_http_server_stop(server, 5000);
    ecom_http_server_free(server);
    ecom_relay_stop(relay, 5000);
    ecom_relay_free(relay);
    ecom_store_close(relaying.store);
    ecom_bus_close(relaying.bus);
    ecom_jwt_free(jwt);
    return !ok;
}
