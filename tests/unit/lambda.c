/* The runtime's protocol against a Runtime API that is a script, with a clock that we move. */
#include <stdlib.h>

#include "check.h"
#include "lambda/runtime.h"
#include "lambda/wire.h"

enum { MAX_CALLS = 64 };

/* Answers the n-th call with the n-th text; keeps what was asked. */
struct script {
    struct check_world world;
    const char *const *answers; /* ends with NULL; "" is a dead connection, "stop" stops */
    size_t at, closed, words;
    char asked[MAX_CALLS][64], body[MAX_CALLS][256], type[MAX_CALLS][64], word[1024];
    int64_t waited_ms;
    ecom_lambda *lambda;
    /* What the handler saw and does. */
    char event[64], request_id[64], arn[64], trace[64];
    int64_t left_ms;
    int code;
    size_t result_bytes;
};

static void keep(char *to, size_t size, ecom_str s)
{
    snprintf(to, size, "%.*s", (int)s.n, s.p ? s.p : "");
}

static int script_call(void *self, const struct lambda_request *request, struct reply *reply,
                       ecom_error *err)
{
    struct script *s = self;
    const char *text = s->answers[s->at];
    size_t at = s->at;

    if (!text || at == MAX_CALLS)
        return ecom_fail(err, ECOM_E_CLOSED, "the script has ended");
    s->at++;
    snprintf(s->asked[at], sizeof(s->asked[at]), "%s %s", request->method,
             strstr(request->path, "runtime/") + 8);
    keep(s->body[at], sizeof(s->body[at]), request->body);
    if (request->nheaders > 1)
        keep(s->type[at], sizeof(s->type[at]), request->headers[1].value);
    if (!text[0])
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "the connection is dead");
    if (strcmp(text, "stop") == 0) {
        ecom_lambda_stop(s->lambda);
        return ecom_fail(err, ECOM_E_CLOSED, "stopped");
    }
    ssize_t n = ecom__lambda_reply_feed(reply, ecom_str_of(text), err);
    return n < 0 ? (int)n : reply->done ? ECOM_OK : ecom__lambda_reply_end(reply, err);
}

static void script_wait(void *self, int32_t ms)
{
    struct script *s = self;

    s->waited_ms += ms;
    check_world_move_ms(&s->world, ms);
}

static void script_stop(void *self)
{
    (void)self;
}

static void script_last_word(void *self, const char *bytes, size_t n)
{
    struct script *s = self;

    s->words++;
    keep(s->word, sizeof(s->word), (ecom_str){bytes, n});
}

static void script_close(void *self)
{
    ((struct script *)self)->closed++;
}

static const struct lambda_transport script_transport = {
    script_call, script_wait, script_stop, script_last_word, script_close,
};

static int on_event(void *user, ecom_str event, const ecom_lambda_context *context,
                    ecom_buf *result, ecom_error *err)
{
    struct script *s = user;

    keep(s->event, sizeof(s->event), event);
    keep(s->request_id, sizeof(s->request_id), context->request_id);
    keep(s->arn, sizeof(s->arn), context->function_arn);
    keep(s->trace, sizeof(s->trace), context->trace_id);
    s->left_ms = ecom_lambda_left_ms(context);
    if (s->code == 1) { /* crashes */
        ecom_lambda_last_word(s->lambda, "Runtime.Crash", "SIGSEGV");
        return ECOM_OK;
    }
    if (s->code < 0)
        return ecom_fail(err, s->code, "no \"%s\"", "such thing");
    if (!s->result_bytes)
        return ECOM_OK;
    if (ecom_buf_reserve(result, s->result_bytes) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    memset(result->p, '1', s->result_bytes);
    result->n = s->result_bytes;
    return ECOM_OK;
}

static int script_open(struct script *s, const char *const *answers)
{
    ecom_lambda_options opts = {.size = sizeof(opts), .handle = on_event, .user = s};

    memset(s, 0, sizeof(*s));
    check_world_init(&s->world, 7);
    opts.env = &s->world.env;
    s->answers = answers;
    return ecom__lambda_new(&opts, &script_transport, s, &s->lambda, NULL);
}

#define NEXT(extra_, body_) \
    "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: req-1\r\n" extra_ "Content-Length: " body_
#define ACCEPTED "HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n"
#define PLAIN NEXT("", "2\r\n\r\n{}")

static void an_invocation_is_asked_for_handled_and_answered(void)
{
    static const char *const answers[] = {
        NEXT("lambda-runtime-invoked-function-arn: arn:aws:lambda:x\r\n"
             "Lambda-Runtime-Trace-Id: Root=1-2\r\n",
             "7\r\n\r\n{\"a\":1}"),
        ACCEPTED, NULL};
    struct script s;
    ecom_error e;
    int32_t wait;

    script_open(&s, answers);
    s.result_bytes = 3;
    CHECK_CODE(ECOM_OK, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_I64(0, wait);
    CHECK_STR("{\"a\":1}", ecom_str_of(s.event));
    CHECK_STR("req-1", ecom_str_of(s.request_id));
    CHECK_STR("arn:aws:lambda:x", ecom_str_of(s.arn));
    CHECK_STR("Root=1-2", ecom_str_of(s.trace));
    CHECK(s.left_ms == INT64_MAX, "a deadline out of nowhere");
    CHECK_STR("GET invocation/next", ecom_str_of(s.asked[0]));
    CHECK_STR("POST invocation/req-1/response", ecom_str_of(s.asked[1]));
    CHECK_STR("111", ecom_str_of(s.body[1]));
    ecom_lambda_free(s.lambda);
    CHECK_U64(1, s.closed);
}

static void an_empty_result_is_null(void)
{
    static const char *const answers[] = {PLAIN, ACCEPTED, NULL};
    struct script s;
    ecom_error e;
    int32_t wait;

    script_open(&s, answers);
    CHECK_CODE(ECOM_OK, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_STR("null", ecom_str_of(s.body[1]));
    ecom_lambda_free(s.lambda);
}

static void a_failure_is_an_error_with_type_message_and_stack(void)
{
    static const char *const answers[] = {PLAIN, ACCEPTED, PLAIN, ACCEPTED, NULL};
    struct script s;
    ecom_error e;
    int32_t wait;

    script_open(&s, answers);
    s.code = ECOM_E_NOTFOUND;
    CHECK_CODE(ECOM_OK, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_STR("POST invocation/req-1/error", ecom_str_of(s.asked[1]));
    CHECK_STR("NOTFOUND", ecom_str_of(s.type[1]));
    CHECK_STR("{\"errorType\":\"NOTFOUND\",\"errorMessage\":\"no \\\"such thing\\\"\","
              "\"stackTrace\":[]}",
              ecom_str_of(s.body[1]));
    s.code = 0; /* the next one is none */
    CHECK_CODE(ECOM_OK, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_STR("POST invocation/req-1/response", ecom_str_of(s.asked[3]));
    ecom_lambda_free(s.lambda);
}

static void a_result_of_6_mib_goes_and_one_byte_more_is_an_error(void)
{
    static const char *const answers[] = {PLAIN, ACCEPTED, PLAIN, ACCEPTED, NULL};
    struct script s;
    ecom_error e;
    int32_t wait;

    script_open(&s, answers);
    s.result_bytes = ECOM_LAMBDA_MAX_RESPONSE;
    CHECK_CODE(ECOM_OK, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_STR("POST invocation/req-1/response", ecom_str_of(s.asked[1]));
    s.result_bytes++;
    CHECK_CODE(ECOM_OK, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_STR("POST invocation/req-1/error", ecom_str_of(s.asked[3]));
    CHECK_STR("TOOLARGE", ecom_str_of(s.type[3]));
    ecom_lambda_free(s.lambda);
}

static void a_result_that_the_api_finds_too_large_becomes_an_error(void)
{
    static const char *const answers[] = {
        PLAIN, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", ACCEPTED, NULL};
    struct script s;
    ecom_error e;
    int32_t wait;

    script_open(&s, answers);
    CHECK_CODE(ECOM_OK, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_STR("POST invocation/req-1/error", ecom_str_of(s.asked[2]));
    ecom_lambda_free(s.lambda);
}

static void the_deadline_is_carried_less_a_margin(void)
{
    static const char *const answers[] = {
        NEXT("Lambda-Runtime-Deadline-Ms: 4000\r\n", "2\r\n\r\n{}"),
        ACCEPTED,
        NEXT("Lambda-Runtime-Deadline-Ms: 901000\r\n", "2\r\n\r\n{}"),
        ACCEPTED,
        NEXT("Lambda-Runtime-Deadline-Ms: soon\r\n", "2\r\n\r\n{}"),
        ACCEPTED,
        NULL};
    struct script s;
    ecom_error e;
    int32_t wait;

    script_open(&s, answers);
    s.world.us = 1000000;
    CHECK_CODE(ECOM_OK, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_I64(3000 - 150, s.left_ms); /* a twentieth */
    CHECK_CODE(ECOM_OK, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_I64(900000 - 500, s.left_ms); /* at most */
    CHECK_CODE(ECOM_OK, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK(s.left_ms == INT64_MAX, "read a deadline out of nonsense");
    ecom_lambda_free(s.lambda);
}

static void a_deadline_that_is_long_past_is_none(void)
{
    static const char *const answers[] = {
        NEXT("Lambda-Runtime-Deadline-Ms: 5000\r\n", "2\r\n\r\n{}"), ACCEPTED,
        NEXT("Lambda-Runtime-Deadline-Ms: 5000\r\n", "2\r\n\r\n{}"), ACCEPTED, NULL};
    struct script s;
    ecom_error e;
    int32_t wait;

    script_open(&s, answers);
    s.world.us = (INT64_C(5000) + 900000) * 1000;
    CHECK_CODE(ECOM_OK, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_I64(-900000 - 20, s.left_ms); /* by a clock that is somewhat wrong */
    s.world.us += 1000;
    CHECK_CODE(ECOM_OK, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK(s.left_ms == INT64_MAX, "a deadline that could never be met");
    ecom_lambda_free(s.lambda);
}

static void an_answer_that_could_not_be_told_is_told_again_and_the_event_not_handled_twice(void)
{
    static const char *const answers[] = {PLAIN, "", "", ACCEPTED, NULL};
    struct script s;
    ecom_error e;
    int32_t wait;

    script_open(&s, answers);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK(wait > 0, "no pause");
    s.event[0] = '\0';
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_CODE(ECOM_OK, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_STR("", ecom_str_of(s.event));
    CHECK_STR("POST invocation/req-1/response", ecom_str_of(s.asked[3]));
    ecom_lambda_free(s.lambda);
}

static void an_answer_is_given_up_after_five_tries(void)
{
    static const char *const answers[] = {PLAIN, "", "", "", "", "", PLAIN, ACCEPTED, NULL};
    struct script s;
    ecom_error e;
    int32_t wait;

    script_open(&s, answers);
    for (int i = 0; i < 5; i++)
        CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_CODE(ECOM_OK, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_STR("GET invocation/next", ecom_str_of(s.asked[6]));
    ecom_lambda_free(s.lambda);
}

static void a_refused_answer_is_not_told_again(void)
{
    static const char *const answers[] = {
        PLAIN, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "stop", NULL};
    struct script s;
    ecom_error e;

    script_open(&s, answers);
    CHECK_CODE(ECOM_OK, ecom_lambda_run(s.lambda, &e), e);
    CHECK_U64(3, s.at);
    ecom_lambda_free(s.lambda);
}

static void a_stuck_api_is_left_alone_for_longer_and_longer_and_given_up_after_50(void)
{
    static const char *const dead[MAX_CALLS + 1] = {
        "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
        "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
        "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", ""};
    struct script s;
    ecom_error e;

    script_open(&s, dead);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_lambda_run(s.lambda, &e), e);
    CHECK_U64(50, s.at);
    CHECK(s.waited_ms > 100000 && s.waited_ms < 250000, "waited %" PRId64 " ms", s.waited_ms);
    ecom_lambda_free(s.lambda);
}

static void a_container_error_ends_the_run(void)
{
    static const char *const next[] = {"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", NULL};
    static const char *const told[] = {PLAIN, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", NULL};
    const char *const *const both[] = {next, told};

    for (int i = 0; i < 2; i++) {
        struct script s;
        ecom_error e;
        script_open(&s, both[i]);
        CHECK_CODE(ECOM_E_BACKEND, ecom_lambda_run(s.lambda, &e), e);
        ecom_lambda_free(s.lambda);
    }
}

static void stopping_ends_the_run_and_asks_for_no_more(void)
{
    static const char *const answers[] = {PLAIN, ACCEPTED, "stop", NULL};
    struct script s;
    ecom_error e;
    int32_t wait;

    script_open(&s, answers);
    CHECK_CODE(ECOM_OK, ecom_lambda_run(s.lambda, &e), e);
    CHECK_U64(3, s.at);
    CHECK_CODE(ECOM_E_CLOSED, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_U64(3, s.at);
    ecom_lambda_free(s.lambda);
}

static void a_request_id_that_is_no_part_of_a_path_is_refused(void)
{
    static const char *const bad[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: a/b\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: a b\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 404 No\r\nLambda-Runtime-Aws-Request-Id: a\r\nContent-Length: 2\r\n\r\n{}"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *const answers[] = {bad[i], NULL};
        struct script s;
        ecom_error e;
        int32_t wait;
        script_open(&s, answers);
        CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_lambda_step(s.lambda, &wait, &e), e);
        CHECK_U64(1, s.at);
        ecom_lambda_free(s.lambda);
    }
}

static void the_last_word_names_the_invocation_and_its_length(void)
{
    static const char *const answers[] = {PLAIN, ACCEPTED, NULL};
    struct script s;
    ecom_error e;
    int32_t wait;

    script_open(&s, answers);
    ecom_lambda_last_word(s.lambda, "Runtime.Crash", "nothing is being handled");
    CHECK_U64(0, s.words);
    s.code = 1;
    CHECK_CODE(ECOM_OK, ecom_lambda_step(s.lambda, &wait, &e), e);
    CHECK_U64(1, s.words);
    const char *body = strstr(s.word, "\r\n\r\n");
    char length[64];
    CHECK(body &&
              strncmp(s.word, "POST /2018-06-01/runtime/invocation/req-1/error HTTP/1.1", 56) == 0,
          "%s", s.word);
    CHECK_STR("{\"errorType\":\"Runtime.Crash\",\"errorMessage\":\"SIGSEGV\",\"stackTrace\":[]}",
              ecom_str_of(body + 4));
    snprintf(length, sizeof(length), "Content-Length: %03zu\r\n", strlen(body + 4));
    CHECK(strstr(s.word, length), "no %s in %s", length, s.word);
    ecom_lambda_free(s.lambda);
}

static void an_initialisation_error_is_told(void)
{
    static const char *const answers[] = {ACCEPTED, NULL};
    struct script s;
    ecom_error e, why;

    script_open(&s, answers);
    ecom_fail(&why, ECOM_E_INVAL, "LOG_LEVEL: is wrong");
    CHECK_CODE(ECOM_OK, ecom_lambda_init_error(s.lambda, &why, &e), e);
    CHECK_STR("POST init/error", ecom_str_of(s.asked[0]));
    CHECK_STR("Init.INVAL", ecom_str_of(s.type[0]));
    ecom_lambda_free(s.lambda);
}

static void without_memory_the_answer_says_so_and_nothing_leaks(void)
{
    static const char *const answers[] = {PLAIN, ACCEPTED, NULL};

    for (uint64_t n = 1;; n++) {
        struct script s;
        ecom_error e;
        int32_t wait;
        check_alloc_fail_at(n);
        if (script_open(&s, answers) == ECOM_OK) {
            s.result_bytes = 100;
            int r = ecom_lambda_step(s.lambda, &wait, &e);
            CHECK(r == ECOM_OK || r == ECOM_E_NOMEM, "step: %s", check_code(r));
            if (r == ECOM_OK && s.type[1][0])
                CHECK_STR("NOMEM", ecom_str_of(s.type[1]));
            ecom_lambda_free(s.lambda);
        }
        int reached = check_alloc_failed();
        check_alloc_fail_at(0);
        if (!reached)
            break;
    }
}

static void chunks_interim_responses_and_split_packets_are_read(void)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n"
                               "0\r\nTrailer: t\r\n\r\nREST";

    for (size_t step = 1; step < sizeof(text); step++) {
        struct reply reply;
        ecom_error e;
        size_t used = 0;
        ecom__lambda_reply_init(&reply, 5);
        while (!reply.done) {
            size_t n = sizeof(text) - 1 - used < step ? sizeof(text) - 1 - used : step;
            ssize_t took = ecom__lambda_reply_feed(&reply, (ecom_str){text + used, n}, &e);
            CHECK(took >= 0 && n > 0, "%s", e.text);
            used += (size_t)took;
        }
        CHECK_I64(200, reply.status);
        CHECK_STR("abcde", ecom_buf_str(&reply.body));
        CHECK_STR("1", ecom__lambda_reply_header(&reply, "A"));
        CHECK_STR("REST", ecom_str_of(text + used));
        ecom__lambda_reply_clear(&reply);
    }
}

static void responses_that_could_be_read_in_two_ways_are_refused(void)
{
#define HEAD "HTTP/1.1 200 OK\r\n"
    static const char *const bad[] = {
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 101 Up\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        HEAD "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        HEAD "Content-Length: -1\r\n\r\n",
        HEAD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD "Transfer-Encoding: gzip\r\n\r\n",
        HEAD "Name : x\r\n\r\n",
        HEAD " folded\r\n\r\n",
        HEAD "no colon\r\n\r\n",
        HEAD "A: 1\n\r\n",
        HEAD "A: \x01\r\n\r\n",
        HEAD "A: 1\rB: 2\r\n\r\n",
        HEAD "Transfer-Encoding: chunked\r\n\r\nx\r\n",
        HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        HEAD "Content-Length: 5\r\n\r\nab",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct reply reply;
        ecom_error e;
        ecom__lambda_reply_init(&reply, 100);
        ssize_t n = ecom__lambda_reply_feed(&reply, ecom_str_of(bad[i]), &e);
        int r = n < 0 ? (int)n : ecom__lambda_reply_end(&reply, &e);
        CHECK(r == ECOM_E_UNAVAILABLE, "\"%s\" gave %s", bad[i], check_code(r));
        ecom__lambda_reply_clear(&reply);
    }
}

static int feed_bytes(const char *head, size_t body, uint32_t max)
{
    struct reply reply;
    ecom_buf text = {0};
    int r = ecom_buf_append(&text, ecom_str_of(head));

    if (r == ECOM_OK && ecom_buf_reserve(&text, body) == ECOM_OK) {
        memset(text.p + text.n, 'x', body);
        text.n += body;
    }
    ecom__lambda_reply_init(&reply, max);
    ssize_t n = ecom__lambda_reply_feed(&reply, ecom_buf_str(&text), NULL);
    ecom__lambda_reply_clear(&reply);
    ecom_buf_free(&text);
    return n < 0 ? (int)n : ECOM_OK;
}

static void bodies_and_heads_have_bounds(void)
{
    CHECK_I64(ECOM_OK, feed_bytes(HEAD "Content-Length: 9\r\n\r\n", 9, 9));
    CHECK_I64(ECOM_E_TOOLARGE, feed_bytes(HEAD "Content-Length: 10\r\n\r\n", 10, 9));
    CHECK_I64(ECOM_OK, feed_bytes(HEAD "\r\n", 9, 9));
    CHECK_I64(ECOM_E_TOOLARGE, feed_bytes(HEAD "\r\n", 10, 9));
    CHECK_I64(ECOM_OK, feed_bytes(HEAD "Transfer-Encoding: chunked\r\n\r\n9\r\n", 9, 9));
    CHECK_I64(ECOM_E_TOOLARGE, feed_bytes(HEAD "Transfer-Encoding: chunked\r\n\r\na\r\n", 0, 9));
    CHECK_I64(ECOM_OK, feed_bytes(HEAD "A: ", REPLY_MAX_HEAD - 20, 9));
    CHECK_I64(ECOM_E_TOOLARGE, feed_bytes(HEAD "A: ", REPLY_MAX_HEAD - 19, 9));
}

static void addresses_are_numbers_or_localhost(void)
{
    static const char *const good[] = {"127.0.0.1:9001", "localhost:1", "[::1]:65535",
                                       "169.254.100.1:9001"};
    static const char *const bad[] = {"",          "127.0.0.1",       "127.0.0.1:",  ":80",
                                      "host:9001", "127.0.0.1:65536", "[::1:9001",   "::1:9001",
                                      "[]:1",      "127.0.0.1:0",     "127.0.0.1:-1"};
    struct lambda_address address;
    ecom_error e;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK_CODE(ECOM_OK, ecom__lambda_address(good[i], &address, &e), e);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(ecom__lambda_address(bad[i], &address, &e) == ECOM_E_INVAL, "took %s", bad[i]);
    CHECK(ecom__lambda_address(NULL, &address, &e) == ECOM_E_INVAL, "took NULL");
}

static const struct check_case cases[] = {
    CASE(an_invocation_is_asked_for_handled_and_answered),
    CASE(an_empty_result_is_null),
    CASE(a_failure_is_an_error_with_type_message_and_stack),
    CASE(a_result_of_6_mib_goes_and_one_byte_more_is_an_error),
    CASE(a_result_that_the_api_finds_too_large_becomes_an_error),
    CASE(the_deadline_is_carried_less_a_margin),
    CASE(a_deadline_that_is_long_past_is_none),
    CASE(an_answer_that_could_not_be_told_is_told_again_and_the_event_not_handled_twice),
    CASE(an_answer_is_given_up_after_five_tries),
    CASE(a_refused_answer_is_not_told_again),
    CASE(a_stuck_api_is_left_alone_for_longer_and_longer_and_given_up_after_50),
    CASE(a_container_error_ends_the_run),
    CASE(stopping_ends_the_run_and_asks_for_no_more),
    CASE(a_request_id_that_is_no_part_of_a_path_is_refused),
    CASE(the_last_word_names_the_invocation_and_its_length),
    CASE(an_initialisation_error_is_told),
    CASE(without_memory_the_answer_says_so_and_nothing_leaks),
    CASE(chunks_interim_responses_and_split_packets_are_read),
    CASE(responses_that_could_be_read_in_two_ways_are_refused),
    CASE(bodies_and_heads_have_bounds),
    CASE(addresses_are_numbers_or_localhost),
};

CHECK_MAIN("lambda", cases)
