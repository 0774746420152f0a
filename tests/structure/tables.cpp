// What a program in C++ writes: tables of fields, records, a contract, routes and options.
#include <ecom/ecom.h>
#include <ecom/http.h>

namespace
{
const char *const states[] = {"HELD", "CONFIRMED", nullptr};

struct seat {
    ecom_str id, name, note;
    int32_t state;
};

const ecom_field seat_fields[] = {
    ECOM_FIELD(seat, id, "id", ID, .flags = ECOM_REQUIRED | ECOM_READONLY),
    ECOM_FIELD(seat, name, "name", STRING, .flags = ECOM_REQUIRED | ECOM_UNIQUE, .min = 1,
               .max = 8),
    ECOM_FIELD(seat, note, "note", STRING),
    ECOM_FIELD(seat, state, "state", ENUM, .names = states, .doc = "How far it is.",
               .fallback = "HELD"),
};
const ecom_record seat_record =
    ECOM_RECORD_WITH("Seat", seat, seat_fields, .doc = "A seat, taken once.");

struct page {
    ecom_list items;
};

const ecom_field page_fields[] = {
    ECOM_FIELD(page, items, "items", LIST, .flags = ECOM_REQUIRED, .max = 100, .of = &seat_record),
};
const ecom_record page_record = ECOM_RECORD("Page", page, page_fields);

struct taken {
    ecom_envelope envelope;
    ecom_str seat_id;
};

const ecom_field taken_fields[] = {
    ECOM_ENVELOPE_FIELDS(taken),
    ECOM_FIELD(taken, seat_id, "seatId", ID, .flags = ECOM_REQUIRED),
};
const ecom_record taken_record = ECOM_RECORD("Taken", taken, taken_fields);
const ecom_contract taken_contract = {"TAKEN", "seat-events", "seatId", &taken_record};

int list_seats(void *, ecom_exchange *x, ecom_error *err)
{
    page all = {};

    return ecom_exchange_reply(x, &page_record, &all, err);
}

const ecom_route routes[] = {
    {.method = "GET", .pattern = "/seats", .handle = list_seats, .response = &page_record},
};
} // namespace

int main()
{
    ecom_store_options store = ECOM_STORE_OPTIONS_INIT;
    ecom_bus_options bus = ECOM_BUS_OPTIONS_INIT;
    ecom_relay_options relay = ECOM_RELAY_OPTIONS_INIT;
    ecom_http_options http = {};

    http.size = sizeof(http);
    http.routes = routes;
    return store.size && bus.size && relay.size && http.nroutes && taken_contract.record ? 0 : 1;
}
