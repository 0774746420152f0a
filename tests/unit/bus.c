#include "check.h"

#include <stdlib.h>

#include "bus/embedded.h"

static ecom_bus *open_bus(const char *url, const ecom_bus_options *opts)
{
    ecom_bus *bus = NULL;
    ecom_error e;

    if (ecom_bus_open(url, opts, &bus, &e) < 0)
        printf("# open: %s\n", e.text);
    return bus;
}

static int join(ecom_bus *bus, const char *group, const char *topic, ecom_member **out,
                ecom_error *e)
{
    ecom_str name = ecom_str_of(topic);
    ecom_subscription sub = {
        .size = sizeof(sub), .group = ecom_str_of(group), .topics = &name, .ntopics = 1};

    return ecom_bus_subscribe(bus, &sub, out, e);
}

static int send_one(ecom_bus *bus, const char *topic, const char *body, ecom_error *e)
{
    ecom_header header = {S("name"), S("value")};
    ecom_msg msg = {.topic = ecom_str_of(topic),
                    .key = S("k"),
                    .body = ecom_str_of(body),
                    .headers = &header,
                    .nheaders = 1};

    return ecom_bus_publish(bus, &msg, 1, NULL, e);
}

static int count(void *user, const ecom_msg *msg)
{
    (void)msg;
    ++*(int *)user;
    return 0;
}

static void keys_lie_where_kafka_puts_them(void)
{
    static const struct {
        const char *key;
        int32_t hash; /* as Kafka's own tests have them */
    } known[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    uint32_t turn = 0;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        CHECK_I64(known[i].hash & 0x7fffffff,
                  ecom__bus_partition(ecom_str_of(known[i].key), INT32_MAX, &turn));
    CHECK_U64(0, turn);
    for (int32_t i = 0; i < 10; i++)
        CHECK_I64(i % 3, ecom__bus_partition(S(""), 3, &turn));
}

/* All members want all topics; slots of one topic. */
static void a_name_is_checked_as_all_that_take_one_do(void)
{
    char most[ECOM_BUS_MAX_NAME + 1];
    const struct {
        ecom_str name;
        int code;
    } names[] = {
        {S("a"), ECOM_OK},
        {S("Order-Events_2.dlq"), ECOM_OK},
        {S("..."), ECOM_OK},
        {{most, ECOM_BUS_MAX_NAME}, ECOM_OK},
        {{most, ECOM_BUS_MAX_NAME + 1}, ECOM_E_TOOLARGE},
        {S(""), ECOM_E_INVAL},
        {{NULL, 0}, ECOM_E_INVAL},
        {S("."), ECOM_E_INVAL},
        {S(".."), ECOM_E_INVAL},
        {S("../a"), ECOM_E_INVAL},
        {S("a b"), ECOM_E_INVAL},
        {{"a", 2}, ECOM_E_INVAL}, /* with a NUL */
        {S("caf\xc3\xa9"), ECOM_E_INVAL},
    };

    memset(most, 'n', sizeof(most));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ecom_error e = {0};
        int r = ecom_bus_name_check("greetings", names[i].name, &e);
        CHECK_CODE(names[i].code, r, e);
        CHECK(r == ECOM_OK || strncmp(e.text, "greetings: ", 11) == 0, "%s", e.text);
        CHECK_I64(r, ecom_bus_name_check("greetings", names[i].name, NULL));
    }
}

static void fill(struct ecom__assignment *a, size_t members, size_t slots)
{
    if (ecom__assignment_init(a, members, 1, slots) < 0)
        abort();
    memset(a->wants, 1, members);
    for (size_t i = 0; i < slots; i++)
        a->owner[i] = -1;
}

static void shares_are_even_and_members_keep_what_they_can(void)
{
    struct ecom__assignment a;
    int32_t before[8];
    int moved = 0;

    fill(&a, 3, 8);
    ecom__assignment_run(&a);
    for (int i = 0; i < 3; i++)
        CHECK(a.load[i] == 2 || a.load[i] == 3, "member %d has %d of 8", i, (int)a.load[i]);
    memcpy(before, a.owner, sizeof(before));
    ecom__assignment_run(&a);
    CHECK(memcmp(before, a.owner, sizeof(before)) == 0, "the same members got other shares");

    for (int i = 0; i < 8; i++) /* the third leaves */
        a.owner[i] = before[i] == 2 ? -1 : before[i];
    a.nmembers = 2;
    ecom__assignment_run(&a);
    for (int i = 0; i < 8; i++)
        CHECK(before[i] == 2 || a.owner[i] == before[i], "slot %d moved for nothing", i);
    CHECK_I64(4, a.load[0]);
    CHECK_I64(4, a.load[1]);
    ecom__assignment_clear(&a);

    fill(&a, 2, 8); /* a second one joins the first, who has all */
    memset(a.owner, 0, 8 * sizeof(int32_t));
    ecom__assignment_run(&a);
    for (int i = 0; i < 8; i++)
        moved += a.owner[i] == 1;
    CHECK_I64(4, moved);
    ecom__assignment_clear(&a);
}

static void a_share_is_only_of_wanted_topics(void)
{
    struct ecom__assignment a;

    CHECK_I64(ECOM_OK, ecom__assignment_init(&a, 3, 3, 12));
    a.wants[0 * 3 + 0] = a.wants[1 * 3 + 0] = a.wants[1 * 3 + 1] = 1; /* nobody wants the third */
    for (int i = 0; i < 12; i++) {
        a.topic[i] = i / 4;
        a.owner[i] = i % 3; /* also of what it does not want */
    }
    ecom__assignment_run(&a);
    for (int i = 0; i < 12; i++) {
        CHECK(a.owner[i] < 0 || a.wants[a.owner[i] * 3 + a.topic[i]], "slot %d", i);
        CHECK((a.owner[i] < 0) == (a.topic[i] == 2), "slot %d has owner %d", i, (int)a.owner[i]);
    }
    CHECK_I64(4, a.load[0]);
    CHECK_I64(4, a.load[1]);
    CHECK_I64(0, a.load[2]);
    ecom__assignment_clear(&a);
}

static void random_groups_end_even(void)
{
    struct check_world w;

    check_world_init(&w, 11);
    for (int round = 0; round < 300; round++) {
        struct ecom__assignment a;
        size_t members = 1 + ecom_env_random_below(&w.env, 9);
        size_t slots = ecom_env_random_below(&w.env, 64);
        fill(&a, members, slots);
        for (size_t i = 0; i < slots; i++)
            a.owner[i] = (int32_t)ecom_env_random_below(&w.env, members + 1) - 1;
        ecom__assignment_run(&a);
        for (size_t i = 0; i < members; i++)
            CHECK((size_t)a.load[i] == slots / members || (size_t)a.load[i] == slots / members + 1,
                  "%d of %zu slots for one of %zu", (int)a.load[i], slots, members);
        ecom__assignment_clear(&a);
    }
}

static void memory_of_one_name_is_shared_and_ends_with_its_last_handle(void)
{
    ecom_bus *a = open_bus("memory:unit", NULL), *b = open_bus("memory:unit", NULL);
    ecom_bus *own = open_bus("memory:", NULL);
    ecom_error e;
    int n = 0;

    CHECK(a && b && own, "not open");
    CHECK_CODE(ECOM_OK, send_one(a, "t", "1", &e), e);
    ecom_bus_close(a);
    CHECK_CODE(ECOM_OK, ecom_bus_topics(b, count, &n, &e), e);
    CHECK_I64(1, n);
    CHECK_CODE(ECOM_OK, ecom_bus_topics(own, count, &n, &e), e);
    CHECK_I64(1, n);
    ecom_bus_close(b);
    ecom_bus_close(own);
    a = open_bus("memory:unit", NULL);
    CHECK_CODE(ECOM_OK, ecom_bus_topics(a, count, &n, &e), e);
    CHECK_I64(1, n);
    ecom_bus_close(a);
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_open("memory:a/b", NULL, &a, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_open("nothing", NULL, &a, &e), e);
    CHECK_CODE(ECOM_E_NOTSUP, ecom_bus_open("nosuch:thing", NULL, &a, &e), e);
}

static void memory_takes_1000_topics_and_1000_groups(void)
{
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;
    ecom_member *m;
    ecom_error e;
    char name[16];

    opts.partitions = 1;
    ecom_bus *bus = open_bus("memory:", &opts);
    CHECK(bus, "not open");
    for (int i = 0; i < ECOM__BUS_MAX_TOPICS; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        CHECK_CODE(ECOM_OK, send_one(bus, name, "1", &e), e);
        CHECK_CODE(ECOM_OK, join(bus, name, "n0", &m, &e), e);
        ecom_member_close(m);
    }
    CHECK_CODE(ECOM_E_TOOLARGE, send_one(bus, "more", "1", &e), e);
    CHECK_CODE(ECOM_E_TOOLARGE, join(bus, "more", "n0", &m, &e), e);
    CHECK_CODE(ECOM_OK, join(bus, "", "n0", &m, &e), e); /* looking on needs no group */
    ecom_member_close(m);
    ecom_bus_close(bus);
}

static void memory_takes_256_members_of_a_group(void)
{
    static ecom_member *members[ECOM_BUS_MAX_MEMBERS];
    ecom_bus *bus = open_bus("memory:", NULL);
    ecom_member *m;
    ecom_error e;

    for (int i = 0; i < ECOM_BUS_MAX_MEMBERS; i++)
        CHECK_CODE(ECOM_OK, join(bus, "g", "t", &members[i], &e), e);
    CHECK_CODE(ECOM_E_TOOLARGE, join(bus, "g", "t", &m, &e), e);
    for (int i = 0; i < ECOM_BUS_MAX_MEMBERS; i++)
        ecom_member_close(members[i]);
    ecom_bus_close(bus);
}

static void a_full_memory_says_so_until_old_messages_go(void)
{
    struct check_world w;
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;
    char body[1001];
    ecom_error e;
    int sent = 0, r;

    check_world_init(&w, 1);
    opts.env = &w.env;
    opts.max_bytes = 20000;
    opts.retention_ms = 1000;
    ecom_bus *bus = open_bus("memory:", &opts);
    memset(body, 'x', 1000);
    body[1000] = '\0';
    while ((r = send_one(bus, "t", body, &e)) == ECOM_OK)
        CHECK(++sent < 20, "no bound");
    CHECK_CODE(ECOM_E_FULL, r, e);
    CHECK(sent >= 10, "full after %d", sent);
    CHECK_TEXT("20000", e);
    CHECK_CODE(ECOM_E_FULL, ecom_bus_ping(bus, &e), e);
    check_world_move_ms(&w, 1001);
    CHECK_CODE(ECOM_E_FULL, ecom_bus_ping(bus, &e), e);
    CHECK_CODE(ECOM_OK, send_one(bus, "t", body, &e), e);
    CHECK_CODE(ECOM_OK, ecom_bus_ping(bus, &e), e); /* a write went through */
    while ((r = send_one(bus, "t", body, &e)) == ECOM_OK)
        CHECK(++sent < 40, "no bound");
    check_world_move_ms(&w, 4999);
    CHECK_CODE(ECOM_E_FULL, ecom_bus_ping(bus, &e), e);
    check_world_move_ms(&w, 1); /* who is asked again finds out */
    CHECK_CODE(ECOM_OK, ecom_bus_ping(bus, &e), e);
    ecom_bus_close(bus);
}

static int acking(void *user, const ecom_msg *msg)
{
    return ecom_member_ack(user, msg->topic, msg->partition, msg->offset, NULL) < 0;
}

static void what_a_group_has_still_to_do_stays_in_memory_however_old_it_is(void)
{
    struct check_world w;
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;
    ecom_member *m, *all;
    ecom_error e;
    int n = 0;

    check_world_init(&w, 1);
    opts.env = &w.env;
    opts.partitions = 1;
    opts.retention_ms = 1000;
    ecom_bus *bus = open_bus("memory:", &opts);
    CHECK_CODE(ECOM_OK, join(bus, "g", "t", &m, &e), e);
    for (int i = 0; i < 3; i++)
        CHECK_CODE(ECOM_OK, send_one(bus, "t", "old", &e), e);
    CHECK_CODE(1, ecom_member_poll(m, 0, 1, acking, m, &e), e);
    check_world_move_ms(&w, 1001);
    CHECK_CODE(ECOM_OK, send_one(bus, "t", "new", &e), e);
    CHECK_CODE(ECOM_OK, join(bus, "", "t", &all, &e), e);
    CHECK_CODE(3, ecom_member_poll(all, 0, 9, count, &n, &e), e);
    CHECK_CODE(3, ecom_member_poll(m, 0, 9, acking, m, &e), e);
    ecom_member_close(all);
    ecom_member_close(m);
    CHECK_CODE(ECOM_OK, send_one(bus, "t", "new", &e), e);
    CHECK_CODE(ECOM_OK, join(bus, "", "t", &all, &e), e);
    CHECK_CODE(2, ecom_member_poll(all, 0, 9, count, &n, &e), e);
    ecom_member_close(all);
    ecom_bus_close(bus);
}

/* One round of everything that allocates. Returns the first failure. */
static int everything(ecom_bus *bus, int *published, int *came, ecom_error *e)
{
    ecom_msg msgs[20];
    ecom_member *a = NULL, *b = NULL;
    int n = 0, r;

    for (int i = 0; i < 20; i++) /* more than fit the core's stack */
        msgs[i] = (ecom_msg){.topic = i % 2 ? S("u") : S("t"), .key = S("k"), .body = S("body")};
    if ((r = ecom_bus_publish(bus, msgs, 20, NULL, e)) < 0)
        return r;
    *published += 20;
    if ((r = ecom_bus_topics(bus, count, &n, e)) < 0 || (r = join(bus, "g", "t", &a, e)) < 0)
        return r;
    r = ecom_member_poll(a, 0, 0, NULL, NULL, e);
    if (r == ECOM_E_TIMEOUT)
        r = join(bus, "g", "t", &b, e);
    for (int i = 0; i < 2 && (r == ECOM_OK || r == ECOM_E_TIMEOUT); i++)
        if ((r = ecom_member_poll(a, 0, 0, NULL, NULL, e)) == ECOM_E_TIMEOUT)
            r = ecom_member_poll(b, 0, 0, NULL, NULL, e);
    ecom_member_close(b);
    ecom_member_close(a);
    if (r != ECOM_E_TIMEOUT)
        return r;
    if ((r = join(bus, "", "t", &a, e)) < 0)
        return r;
    *came = 0;
    while ((r = ecom_member_poll(a, 0, 1000, count, came, e)) > 0)
        ;
    ecom_member_close(a);
    return r == ECOM_E_TIMEOUT ? ECOM_OK : r;
}

static void run_without_memory(ecom_bus *bus, void fail(uint64_t n), int *published)
{
    int came = 0, r = ECOM_E_NOMEM;
    ecom_error e;

    for (uint64_t n = 1; r < 0; n++) {
        fail(n);
        r = everything(bus, published, &came, &e);
        int failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(r == (failed ? ECOM_E_NOMEM : ECOM_OK), "allocation %d: %s %s", (int)n, check_code(r),
              r < 0 ? e.text : "");
        CHECK(n < 1000, "it never succeeds");
    }
    CHECK_I64(*published / 2, came); /* half of them went to the other topic */
}

static void every_allocation_may_fail(void)
{
    ecom_bus *bus = NULL;
    ecom_error e;
    int published = 0, r = ECOM_E_NOMEM;

    for (uint64_t n = 1; r < 0; n++) {
        check_alloc_fail_at(n);
        r = ecom_bus_open("memory:alloc", NULL, &bus, &e);
        check_alloc_fail_at(0);
        CHECK(r == ECOM_OK || r == ECOM_E_NOMEM, "open: %s", check_code(r));
        CHECK(n < 100, "opening never succeeds");
    }
    run_without_memory(bus, check_alloc_fail_at, &published);
    if (!check_failed)
        run_without_memory(bus, check_alloc_fail_from, &published);
    ecom_bus_close(bus);
}

static const struct check_case cases[] = {
    CASE(keys_lie_where_kafka_puts_them),
    CASE(a_name_is_checked_as_all_that_take_one_do),
    CASE(shares_are_even_and_members_keep_what_they_can),
    CASE(a_share_is_only_of_wanted_topics),
    CASE(random_groups_end_even),
    CASE(memory_of_one_name_is_shared_and_ends_with_its_last_handle),
    CASE(memory_takes_1000_topics_and_1000_groups),
    CASE(memory_takes_256_members_of_a_group),
    CASE(a_full_memory_says_so_until_old_messages_go),
    CASE(what_a_group_has_still_to_do_stays_in_memory_however_old_it_is),
    CASE(every_allocation_may_fail),
};

CHECK_MAIN("bus", cases)
