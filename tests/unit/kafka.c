/* What the opener of a bus on Kafka makes of its options. No broker is needed. */
#include <stddef.h>

#include "check.h"
#include "ecom/kafka.h"

static int open_with(const ecom_bus_options *opts, ecom_error *e)
{
    ecom_bus *bus = NULL;
    int r = ecom_kafka_open("kafka://127.0.0.1:1", opts, &bus, e);

    ecom_bus_close(bus);
    return r;
}

static void a_bus_is_opened_before_its_broker_is_there(void)
{
    ecom_error e = {0};

    CHECK_CODE(ECOM_OK, open_with(NULL, &e), e);
    CHECK(ecom_backend_kafka()->open_bus == ecom_kafka_open, "another opener is looked for");
}

static void options_of_an_older_header_will_do(void)
{
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;
    ecom_error e = {0};

    opts.size = offsetof(ecom_bus_options, metrics);
    opts.metrics = (ecom_metrics *)&opts; /* behind the end: never looked at */
    CHECK_CODE(ECOM_OK, open_with(&opts, &e), e);
    opts.size = 8;
    CHECK_CODE(ECOM_E_INVAL, open_with(&opts, &e), e);
    CHECK_STR("size", ecom_str_of(e.field));
}

static const struct check_case cases[] = {
    CASE(a_bus_is_opened_before_its_broker_is_there),
    CASE(options_of_an_older_header_will_do),
};

CHECK_MAIN("kafka", cases)
