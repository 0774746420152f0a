/* Answers in parts over HTTP: who gets them, and how they are written. */
#include "check.h"
#include "graphql_world.h"

#include <stdio.h>
#include <string.h>

static ecom_graphql *g;

static ecom_graphql *open_schema(void)
{
    ecom_graphql_options options = world_options();
    ecom_error err;

    options.incremental = 1;
    if (ecom_graphql_new(&options, &g, NULL, &err) < 0)
        printf("# %s\n", err.text);
    return g;
}

static const char divided[] =
    "{\"query\":\"{ hello ... @defer { a: hello } people @stream { id } }\"}";
static const char first_part[] = "---\r\nContent-Type: application/json; charset=utf-8\r\n"
                                 "Content-Length: 123\r\n\r\n{\"data\":{\"hello\"";

struct answered {
    ecom_graphql_http_answer answer;
    ecom_arena *arena;
    ecom_buf body;
};

static void ask_http(struct answered *a, const char *accept, const char *body, int parts)
{
    const ecom_graphql_http http = {
        .size = sizeof(http),
        .method = ecom_str_of("POST"),
        .content_type = ecom_str_of("application/json"),
        .accept = {accept, accept ? strlen(accept) : 0},
        .body = ecom_str_of(body),
        .max_batch = 2,
        .parts = parts,
    };
    ecom_error e = {0};

    *a = (struct answered){.arena = ecom_arena_new(0)};
    CHECK(a->arena, "no arena");
    CHECK_CODE(ECOM_OK,
               ecom_graphql_handle_http(g, &http, NULL, a->arena, &a->body, &a->answer, &e), e);
}

static void end_http(struct answered *a)
{
    ecom_graphql_rest_free(a->answer.rest);
    ecom_arena_free(a->arena);
    ecom_buf_free(&a->body);
}

static void who_names_multipart_gets_parts(void)
{
    static const char *const accepts[] = {
        "multipart/mixed",
        ("multipart/mixed;incrementalSpec=v0.2,application/graphql-response+json,"
         "application/json;q=0.9"),
        "application/graphql-response+json, application/json, text/event-stream, multipart/mixed",
        "Multipart/Mixed; incrementalspec=\"v0.2\", */*",
    };

    CHECK(open_schema(), "no schema");
    for (size_t i = 0; i < sizeof(accepts) / sizeof(accepts[0]); i++) {
        struct answered a;
        char accept[200];
        snprintf(accept, sizeof(accept), "%s%s", accepts[i], i ? "" : ", application/json");
        ask_http(&a, accept, divided, 1);
        CHECK_I64(200, a.answer.status);
        CHECK(a.answer.rest &&
                  strcmp(a.answer.content_type, "multipart/mixed; boundary=\"-\"") == 0 &&
                  strncmp(a.body.p, first_part, sizeof(first_part) - 1) == 0 &&
                  strcmp(a.body.p + a.body.n - 5, "\r\n---") == 0,
              "%s: %s %s", accept, a.answer.content_type, a.body.p);
        end_http(&a);
    }
    ecom_graphql_free(g);
}

static void others_get_the_whole(void)
{
    static const char whole[] = "{\"data\":{\"hello\":\"Hello, world!\",\"a\"";
    static const struct {
        const char *accept;
        int parts;
        const char *type;
    } table[] = {
        {"", 1, "application/json; charset=utf-8"},
        {"*/*", 1, "application/json; charset=utf-8"},
        {"application/json", 1, "application/json; charset=utf-8"},
        {"multipart/mixed, application/json", 0, "application/json; charset=utf-8"},
        {"multipart/mixed;q=0.5, application/json", 1, "application/json; charset=utf-8"},
        {"multipart/mixed;q=0, application/json", 1, "application/json; charset=utf-8"},
        {"multipart/mixed;deferSpec=20200101, application/json", 1,
         "application/json; charset=utf-8"},
    };

    CHECK(open_schema(), "no schema");
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct answered a;
        ask_http(&a, table[i].accept, divided, table[i].parts);
        CHECK(!a.answer.rest && strcmp(a.answer.content_type, table[i].type) == 0 &&
                  strncmp(a.body.p, whole, sizeof(whole) - 1) == 0,
              "%s: %s %s", table[i].accept, a.answer.content_type, a.body.p);
        end_http(&a);
    }
    ecom_graphql_free(g);
}

static void what_is_not_divided_is_no_multipart(void)
{
    static const char accept[] = "multipart/mixed, application/json";
    struct answered a;

    CHECK(open_schema(), "no schema");
    ask_http(&a, accept, "{\"query\":\"{ hello }\"}", 1);
    CHECK(!a.answer.rest && a.body.p[0] == '{', "%s", a.body.p);
    end_http(&a);
    ask_http(&a, accept, "[{\"query\":\"{ ... @defer { hello } }\"}]", 1);
    CHECK(!a.answer.rest && strcmp(a.body.p, "[{\"data\":{\"hello\":\"Hello, world!\"}}]") == 0,
          "%s", a.body.p);
    end_http(&a);
    ask_http(&a, accept, "{\"query\":\"{ ... @defer { nope } }\"}", 1);
    CHECK(!a.answer.rest && strstr(a.body.p, "Cannot query field"), "%s", a.body.p);
    end_http(&a);
    ask_http(&a, "multipart/mixed", divided, 1);
    CHECK_I64(406, a.answer.status);
    end_http(&a);
    ecom_graphql_free(g);
}

static void the_client_says_which_dialect(void)
{
    struct answered a;
    ecom_error e = {0};

    CHECK(open_schema(), "no schema");
    ask_http(&a, "multipart/mixed;deferSpec=20220824, application/json", divided, 1);
    CHECK(a.answer.rest && !strstr(a.body.p, "pending"), "%s", a.body.p);
    a.body.n = 0;
    CHECK_CODE(ECOM_OK, ecom_graphql_rest_next(a.answer.rest, &a.body, &e), e);
    CHECK(strstr(a.body.p, "\"path\":[\"people\",0],\"items\""), "%s", a.body.p);
    end_http(&a);
    ecom_graphql_free(g);
}

static void a_body_in_parts_ends_with_its_boundary(void)
{
    ecom_buf out = {0};

    CHECK(ecom_graphql_multipart_write(&out, ecom_str_of("{}")) == ECOM_OK &&
              ecom_graphql_multipart_write(&out, (ecom_str){NULL, 0}) == ECOM_OK,
          "out of memory");
    CHECK_STR("\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}"
              "\r\n-----\r\n",
              ecom_buf_str(&out));
    ecom_buf_free(&out);
}

static const struct check_case cases[] = {
    CASE(who_names_multipart_gets_parts),         CASE(others_get_the_whole),
    CASE(what_is_not_divided_is_no_multipart),    CASE(the_client_says_which_dialect),
    CASE(a_body_in_parts_ends_with_its_boundary),
};

CHECK_MAIN("graphql-multipart", cases)
