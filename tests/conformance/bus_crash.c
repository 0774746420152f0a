#include "bus_suite.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void messages_outlive_their_handle(struct bus_test *t)
{
    static struct inbox in;

    in.n = 0;
    bus_send_many(t, t->bus, "t", 5, 0, 100);
    bus_shut(t, t->bus);
    ecom_bus *bus = bus_open(t);
    CHECK_PASSED();
    ecom_member *m = bus_join(t, bus, "g", "t");
    CHECK_PASSED();
    bus_take(m, &in, 100);
    bus_check_all_once(&in, NULL, 0, 100);
    bus_check_order(&in);
}

static void offsets_outlive_their_handle(struct bus_test *t)
{
    static struct inbox in;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    bus_send_many(t, t->bus, "t", 5, 0, 100);
    CHECK_PASSED();
    bus_take(m, &in, 100);
    bus_ack_all(m, &in);
    bus_send_many(t, t->bus, "t", 5, 100, 110);
    bus_quit(t, m);
    bus_shut(t, t->bus);
    ecom_bus *bus = bus_open(t);
    CHECK_PASSED();
    in.n = 0;
    m = bus_join(t, bus, "g", "t");
    CHECK_PASSED();
    bus_take(m, &in, 10);
    bus_check_all_once(&in, NULL, 100, 110);
}

static void partitions_outlive_their_handle(struct bus_test *t)
{
    static struct inbox in;
    ecom_error e;

    in.n = 0;
    CHECK_CODE(ECOM_OK, ecom_bus_create_topic(t->bus, S("t"), 1, &e), e);
    bus_shut(t, t->bus);
    ecom_bus *bus = bus_open(t);
    CHECK_PASSED();
    bus_send_many(t, bus, "t", 30, 0, 30);
    ecom_member *m = bus_join(t, bus, "g", "t");
    CHECK_PASSED();
    bus_take(m, &in, 30);
    for (size_t i = 0; i < in.n; i++)
        CHECK_I64(0, in.got[i].partition);
}

/* Other processes. They tell their parent numbers through a pipe. */

struct child {
    pid_t pid;
    int from; /* read end */
};

/* Handles do not survive a fork: all are closed before, and both sides open their own. */
static struct child spawn(struct bus_test *t, void (*run)(struct bus_test *t, int to))
{
    struct child child = {-1, -1};
    int ends[2];

    t->opts.env = NULL; /* two processes have but one clock in common, the machine's */
    if (t->bus)
        bus_shut(t, t->bus);
    t->bus = NULL;
    fflush(stdout);
    if (pipe(ends) < 0 || (child.pid = fork()) < 0) {
        ecom__suite_failed = 1;
        return child;
    }
    if (child.pid == 0) {
        close(ends[0]);
        alarm(300); /* should it hang, and outlive who waits for it */
        run(t, ends[1]);
        fflush(stdout);
        _exit(ecom__suite_failed);
    }
    close(ends[1]);
    child.from = ends[0];
    return child;
}

static void tell(int to, int64_t number)
{
    if (write(to, &number, sizeof(number)) != sizeof(number))
        _exit(2);
}

/* The next number, or -1 when there is none within so long. */
static int64_t hear(const struct child *child, int timeout_ms)
{
    struct pollfd fd = {.fd = child->from, .events = POLLIN};
    int64_t number;

    if (poll(&fd, 1, timeout_ms) <= 0)
        return -1;
    return read(child->from, &number, sizeof(number)) == sizeof(number) ? number : -1;
}

static void kill_child(const struct child *child)
{
    if (child->pid > 0) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
    }
    close(child->from);
}

/* Waits until it ends by itself, and well. */
static void reap(const struct child *child)
{
    int status = -1;

    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(child->from);
    if (status != 0) {
        printf("# the child ended with status %d\n", status);
        ecom__suite_failed = 1;
    }
}

/* Short, in case nothing else tells of a death; but nobody alive may be silent for so long. */
enum { SESSION_MS = 6000 };

/* Joins the group "g" of topic "t". */
static ecom_member *join_for_short(struct bus_test *t, ecom_bus *bus)
{
    ecom_str topic = S("t");
    ecom_subscription sub = {.size = sizeof(sub),
                             .group = S("g"),
                             .topics = &topic,
                             .ntopics = 1,
                             .session_timeout_ms = SESSION_MS};

    return bus ? bus_join_as(t, bus, &sub) : NULL;
}

static void take_fifty_and_ack(struct bus_test *t, int to)
{
    static struct inbox in;
    ecom_member *m = join_for_short(t, bus_open(t));

    CHECK_PASSED();
    tell(to, 0);
    bus_take(m, &in, 50);
    bus_check_order(&in);
    bus_ack_all(m, &in);
    tell(to, 1);
    bus_quit(t, m);
}

static void another_process_takes_what_this_one_publishes(struct bus_test *t)
{
    static struct inbox in;
    struct child child = spawn(t, take_fifty_and_ack);
    ecom_bus *bus = bus_open(t);

    in.n = 0;
    CHECK_PASSED();
    CHECK_I64(0, hear(&child, PATIENCE_MS));
    bus_send_many(t, bus, "t", 5, 0, 50);
    CHECK_I64(1, hear(&child, PATIENCE_MS));
    reap(&child);
    CHECK_PASSED();
    bus_send_many(t, bus, "t", 5, 50, 55);
    ecom_member *m = join_for_short(t, bus);
    CHECK_PASSED();
    bus_take(m, &in, 5); /* the other one's acks count for the group */
    bus_check_all_once(&in, NULL, 50, 55);
}

static int tell_each(void *user, const ecom_msg *msg)
{
    char number[32];

    snprintf(number, sizeof(number), "%.*s", msg->body.n < 31 ? (int)msg->body.n : 31, msg->body.p);
    tell(*(int *)user, strtoll(number, NULL, 10));
    return 0;
}

enum { JOINED = -2, REVOKED = -3 };

static void tell_revoked(void *user, ecom_str topic, int32_t partition)
{
    (void)topic;
    (void)partition;
    tell(*(int *)user, REVOKED);
}

/* Until it is killed. Never acks. */
static void take_for_ever(struct bus_test *t, int to)
{
    ecom_str topic = S("t");
    ecom_subscription sub = {.size = sizeof(sub),
                             .group = S("g"),
                             .topics = &topic,
                             .ntopics = 1,
                             .session_timeout_ms = SESSION_MS,
                             .revoked = tell_revoked,
                             .user = &to};
    ecom_bus *bus = bus_open(t);
    ecom_member *m = bus ? bus_join_as(t, bus, &sub) : NULL;

    CHECK_PASSED();
    ecom_member_poll(m, t->fixture->settle_ms, 0, NULL, NULL, NULL);
    tell(to, JOINED);
    for (;;)
        ecom_member_poll(m, 100, 100, tell_each, &to, NULL);
}

static void members_in_two_processes_share_without_overlap(struct bus_test *t)
{
    static struct inbox mine, theirs;
    struct child child = spawn(t, take_for_ever);
    ecom_bus *bus = bus_open(t);
    ecom_error e;
    int64_t number = 0;

    mine.n = theirs.n = 0;
    CHECK_I64(JOINED, hear(&child, PATIENCE_MS));
    ecom_member *m = join_for_short(t, bus);
    CHECK_PASSED();
    for (int i = 0; i < PATIENCE_MS / 100 && number != REVOKED; i++) {
        ecom_member_poll(m, 100, 0, NULL, NULL, &e);
        number = hear(&child, 0);
    }
    CHECK_I64(REVOKED, number);
    bus_send_many(t, bus, "t", 40, 0, 200);
    for (int i = 0; i < 200 + PATIENCE_MS / 50 && mine.n + theirs.n < 200; i++) {
        ecom_member_poll(m, 50, 100, bus_collect, &mine, &e);
        while ((number = hear(&child, 0)) != -1)
            if (number >= 0)
                theirs.got[theirs.n++].number = number;
    }
    kill_child(&child);
    CHECK(mine.n && theirs.n, "%zu here, %zu there", mine.n, theirs.n);
    bus_check_all_once(&mine, &theirs, 0, 200);
}

static void what_a_killed_member_had_comes_to_another(struct bus_test *t)
{
    static struct inbox in;
    ecom_bus *bus;

    in.n = 0;
    struct child child = spawn(t, take_for_ever);
    bus = bus_open(t);
    CHECK_PASSED();
    CHECK_I64(JOINED, hear(&child, PATIENCE_MS));
    bus_send_many(t, bus, "t", 10, 0, 60);
    for (int i = 0; i < 60; i++)
        CHECK(hear(&child, PATIENCE_MS) >= 0, "the child got %d messages", i);
    kill_child(&child);
    ecom_member *m = join_for_short(t, bus);
    CHECK_PASSED();
    bus_take(m, &in, 60);
    bus_check_all_once(&in, NULL, 0, 60);
    bus_check_order(&in);
}

/* Takes 20, acks them, says so, and waits for its death. */
static void ack_twenty(struct bus_test *t, int to)
{
    static struct inbox in;
    ecom_member *m = join_for_short(t, bus_open(t));

    CHECK_PASSED();
    bus_take(m, &in, 20);
    bus_ack_all(m, &in);
    tell(to, 20);
    pause();
}

static void acks_outlive_a_killed_member(struct bus_test *t)
{
    static struct inbox in;
    struct child child;

    in.n = 0;
    bus_send_many(t, t->bus, "t", 3, 0, 20);
    child = spawn(t, ack_twenty);
    ecom_bus *bus = bus_open(t);
    CHECK_PASSED();
    CHECK_I64(20, hear(&child, PATIENCE_MS));
    kill_child(&child);
    bus_send_many(t, bus, "t", 3, 20, 30);
    ecom_member *m = join_for_short(t, bus);
    CHECK_PASSED();
    bus_take(m, &in, 10);
    bus_check_all_once(&in, NULL, 20, 30);
}

/* Says of each message when it is durable, until it is killed. */
static void publish_for_ever(struct bus_test *t, int to)
{
    ecom_bus *bus = bus_open(t);

    CHECK_PASSED();
    for (int64_t i = 0; i < 2000; i++) {
        bus_send(t, bus, "t", i % 2 ? "a" : "b", i);
        CHECK_PASSED();
        tell(to, i);
    }
    pause();
}

static void what_a_killed_publisher_was_told_is_there(struct bus_test *t)
{
    static struct inbox in;
    struct child child = spawn(t, publish_for_ever);
    int64_t told = -1, number;

    in.n = 0;
    for (int i = 0; i < 30; i++) {
        CHECK((number = hear(&child, PATIENCE_MS)) >= 0, "nothing durable");
        told = number;
    }
    kill(child.pid, SIGKILL); /* in the middle of one, as a rule */
    while ((number = hear(&child, PATIENCE_MS)) >= 0)
        told = number;
    kill_child(&child);
    ecom_bus *bus = bus_open(t);
    CHECK_PASSED();
    bus_send(t, bus, "t", "a", 5000); /* its death blocks nobody */
    ecom_member *m = join_for_short(t, bus);
    CHECK_PASSED();
    for (int i = 0; i < 50 && in.n < (size_t)told + 2; i++)
        ecom_member_poll(m, PATIENCE_MS / 50, 1000, bus_collect, &in, NULL);
    bus_drain(t, m, &in); /* one may be durable of which nobody was told */
    CHECK((int64_t)in.n <= told + 3, "%zu messages, told of %d", in.n, (int)told + 2);
    bus_check_order(&in);
    int64_t seen = 0;
    for (size_t i = 0; i < in.n; i++)
        seen += in.got[i].number <= told;
    CHECK_I64(told + 1, seen);
}

static void publish_hundred(struct bus_test *t, int to)
{
    ecom_bus *bus = bus_open(t);

    CHECK_PASSED();
    tell(to, 0);
    for (int64_t i = 0; i < 100; i++)
        bus_send(t, bus, "t", "theirs", i);
}

static void publishers_in_two_processes_share_a_topic(struct bus_test *t)
{
    static struct inbox in;
    struct child child = spawn(t, publish_hundred);
    ecom_bus *bus = bus_open(t);

    in.n = 0;
    CHECK_PASSED();
    CHECK_I64(0, hear(&child, PATIENCE_MS));
    for (int64_t i = 100; i < 200; i++)
        bus_send(t, bus, "t", "mine", i);
    reap(&child);
    ecom_member *m = join_for_short(t, bus);
    CHECK_PASSED();
    bus_take(m, &in, 200);
    bus_check_order(&in);
    bus_check_all_once(&in, NULL, 0, 200);
}

static const struct bus_case cases[] = {
    CASE(ECOM_TEST_DURABLE, messages_outlive_their_handle),
    CASE(ECOM_TEST_DURABLE, offsets_outlive_their_handle),
    CASE(ECOM_TEST_DURABLE, partitions_outlive_their_handle),
    CASE(ECOM_TEST_PROCESSES, another_process_takes_what_this_one_publishes),
    CASE(ECOM_TEST_PROCESSES, members_in_two_processes_share_without_overlap),
    CASE(ECOM_TEST_PROCESSES, what_a_killed_member_had_comes_to_another),
    CASE(ECOM_TEST_PROCESSES | ECOM_TEST_DURABLE, acks_outlive_a_killed_member),
    CASE(ECOM_TEST_PROCESSES | ECOM_TEST_DURABLE, what_a_killed_publisher_was_told_is_there),
    CASE(ECOM_TEST_PROCESSES, publishers_in_two_processes_share_a_topic),
};
const struct bus_cases ecom__bus_crash_cases = {cases, sizeof(cases) / sizeof(cases[0])};
