#include "graphql_world.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char sdl[] =
    "\"Where everything starts.\"\n"
    "type Query {\n"
    "  hello(name: String = \"world\"): String!\n"
    "  person(id: ID!): Person\n"
    "  people(first: Int = 10): [Person!]!\n"
    "  node(id: ID!): Node\n"
    "  search(text: String): [Found]\n"
    "  echo(int: Int, float: Float, string: String, bool: Boolean, id: ID, color: Color,\n"
    "       ints: [Int!], matrix: [[Int]], box: Box, money: Money, when: DateTime, any: Any,\n"
    "       pick: Pick): Any\n"
    "  need(int: Int!, other: Int! = 7): Int\n"
    "  fails: String\n"
    "  failsHard: String!\n"
    "  badEnum: Color\n"
    "  bigInt: Int\n"
    "  price: Money!\n"
    "  now: DateTime\n"
    "  broken: [Int!]\n"
    "  old: Int @deprecated(reason: \"use hello\")\n"
    "}\n"
    "type Mutation { append(n: Int!): [Int!]! appendHard(n: Int!): Int! }\n"
    "type Subscription { tick: Int other: Int }\n"
    "interface Node { id: ID! }\n"
    "interface Named implements Node { id: ID! name(upper: Boolean = false): String }\n"
    "type Person implements Node & Named {\n"
    "  id: ID! name(upper: Boolean = false): String age: Int\n"
    "  friends(first: Int): [Person!]! best: Person strict: Person!\n"
    "  secret: String! tags: [[String]]\n"
    "}\n"
    "type Robot implements Node & Named {\n"
    "  id: ID! name(upper: Boolean = false): String volts: Float owner: Person\n"
    "}\n"
    "union Found = Person | Robot\n"
    "enum Color { RED GREEN BLUE @deprecated }\n"
    "input Box { w: Int! h: Int = 2 label: String inner: Box colors: [Color!] = [RED] }\n"
    "input Pick @oneOf { a: Int b: String }\n"
    "scalar Money scalar DateTime\n"
    "scalar Any @specifiedBy(url: \"https://example.org/any\")\n"
    "directive @mark(by: String!) repeatable on FIELD | QUERY\n";

static const char data[] =
    "[{\"__typename\":\"Person\",\"id\":\"1\",\"name\":\"Ann\",\"age\":31,\"friends\":[2,3],"
    "\"tags\":[[\"a\",null],null]},"
    "{\"__typename\":\"Person\",\"id\":\"2\",\"name\":\"Bob\",\"age\":null,\"friends\":[1]},"
    "{\"__typename\":\"Person\",\"id\":\"3\",\"name\":\"Cid\",\"age\":77,\"friends\":[1,2]},"
    "{\"__typename\":\"Robot\",\"id\":\"4\",\"name\":\"R4\",\"volts\":1.5}]";

static ecom_arena *data_arena;

static void drop_data(void)
{
    ecom_arena_free(data_arena);
}

static const ecom_json *parsed_data;

static void parse_data(void)
{
    data_arena = ecom_arena_new(0);
    atexit(drop_data);
    if (!data_arena || ecom_json_parse(ecom_str_of(data), NULL, data_arena, &parsed_data, NULL) < 0)
        abort();
}

/* The data, parsed once, whichever thread is the first, and kept for the process. */
static const ecom_json *world_data(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, parse_data);
    return parsed_data;
}

static const ecom_json *find(ecom_str id)
{
    for (const ecom_json *o = world_data()->first; o; o = o->next)
        if (ecom_str_eq(ecom_json_get(o, "id")->text, id))
            return o;
    return NULL;
}

/* A name may have a NUL in it, where printf would stop. */
static int resolve_hello(ecom_graphql_call *call, void *user, ecom_error *err)
{
    static const char before[] = "Hello, ";
    ecom_str name = ecom_graphql_arg_str(call, "name");
    size_t n = sizeof(before) - 1;
    char *text = ecom_arena_alloc(call->arena, n + name.n + 1);

    (void)user;
    if (!text)
        return ecom_fail(err, ECOM_E_NOMEM, "greeting");
    memcpy(text, before, n);
    if (name.n)
        memcpy(text + n, name.p, name.n);
    text[n + name.n] = '!';
    const ecom_str greeting = {text, n + name.n + 1};
    for (uint32_t i = 0; i < call->n; i++)
        ecom_graphql_set_str(&call->results[i], greeting);
    return ECOM_OK;
}

static int resolve_by_id(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    ecom_graphql_set_object(&call->results[0], find(ecom_graphql_arg_str(call, "id")));
    return ECOM_OK;
}

static int resolve_people(ecom_graphql_call *call, void *user, ecom_error *err)
{
    int64_t first = ecom_graphql_arg_int(call, "first", 3);
    uint32_t n = first < 0 ? 0 : first > 3 ? 3 : (uint32_t)first, i = 0;

    (void)user;
    if (ecom_graphql_set_list(call, &call->results[0], n) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "people");
    for (const ecom_json *o = world_data()->first; i < n; o = o->next)
        ecom_graphql_set_object(&call->results[0].as.items[i++], o);
    return ECOM_OK;
}

static int resolve_search(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    int r = ecom_graphql_set_json(call, &call->results[0], world_data());
    return r < 0 ? ecom_fail(err, r, "searching") : r;
}

static int resolve_echo(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    call->results[0].kind = ECOM_GRAPHQL_JSON;
    call->results[0].as.json = call->arguments;
    return ECOM_OK;
}

static int resolve_fails(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)call, (void)user;
    return ecom_fail(err, ECOM_E_NOTFOUND, "nothing here");
}

static int resolve_need(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    ecom_graphql_set_int(&call->results[0], ecom_graphql_arg_int(call, "int", 0) +
                                                ecom_graphql_arg_int(call, "other", 0));
    return ECOM_OK;
}

static int resolve_odd(ecom_graphql_call *call, void *user, ecom_error *err)
{
    ecom_graphql_value *v = &call->results[0];

    (void)user;
    if (strcmp(call->field, "badEnum") == 0)
        ecom_graphql_set_str(v, ecom_str_of("PINK"));
    else if (strcmp(call->field, "bigInt") == 0)
        ecom_graphql_set_int(v, INT64_C(2147483648));
    else if (strcmp(call->field, "price") == 0)
        return ecom_graphql_set_money(call, v, 1990);
    else if (strcmp(call->field, "now") == 0)
        ecom_graphql_set_int(v, 0);
    else if (strcmp(call->field, "old") == 0)
        ecom_graphql_set_int(v, 1);
    else { /* broken: [1, error] */
        if (ecom_graphql_set_list(call, v, 2) < 0)
            return ecom_fail(err, ECOM_E_NOMEM, "broken");
        ecom_error why;
        ecom_fail_field(&why, ECOM_E_BACKEND, "secret", "the disk is on fire at 10.0.0.1");
        ecom_graphql_set_int(&v->as.items[0], 1);
        ecom_graphql_set_error(call, &v->as.items[1], &why);
    }
    return ECOM_OK;
}

static int resolve_friends(ecom_graphql_call *call, void *user, ecom_error *err)
{
    struct world_counts *counts = call->context;

    (void)user;
    if (counts) {
        counts->calls++;
        counts->parents += (int)call->n;
    }
    for (uint32_t i = 0; i < call->n; i++) {
        const ecom_json *ids = ecom_json_get(call->parents[i], "friends");
        int64_t first = ecom_graphql_arg_int(call, "first", 100);
        if (!ids) /* a robot that was asked for as a person */
            continue;
        first = first < 0 ? 0 : first;
        uint32_t n = first < ids->count ? (uint32_t)first : ids->count, k = 0;
        if (ecom_graphql_set_list(call, &call->results[i], n) < 0)
            return ecom_fail(err, ECOM_E_NOMEM, "friends");
        for (const ecom_json *id = ids->first; k < n; id = id->next)
            ecom_graphql_set_object(&call->results[i].as.items[k++], find(id->text));
    }
    return ECOM_OK;
}

static int resolve_secret(ecom_graphql_call *call, void *user, ecom_error *err)
{
    ecom_error why;

    (void)user, (void)err;
    for (uint32_t i = 0; i < call->n; i++) {
        ecom_str name = ecom_json_get(call->parents[i], "name")->text;
        ecom_fail(&why, ECOM_E_FORBIDDEN, "%.*s has secrets", (int)name.n, name.p);
        if (ecom_str_eq(name, ecom_str_of("Bob")))
            ecom_graphql_set_str(&call->results[i], ecom_str_of("none"));
        else
            ecom_graphql_set_error(call, &call->results[i], &why);
    }
    return ECOM_OK;
}

static int resolve_append(ecom_graphql_call *call, void *user, ecom_error *err)
{
    struct world_counts *counts = call->context;
    int n = (int)ecom_graphql_arg_int(call, "n", 0);

    (void)user;
    if (counts && counts->nlog < 8)
        counts->log[counts->nlog++] = n;
    if (strcmp(call->field, "appendHard") == 0)
        return ecom_fail(err, ECOM_E_CONFLICT, "no more than %d", n);
    if (ecom_graphql_set_list(call, &call->results[0], counts ? (uint32_t)counts->nlog : 0) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "appending");
    for (int i = 0; counts && i < counts->nlog; i++)
        ecom_graphql_set_int(&call->results[0].as.items[i], counts->log[i]);
    return ECOM_OK;
}

static int resolve_tick(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    ecom_graphql_set_int(&call->results[0], *(const int *)call->parents[0]);
    return ECOM_OK;
}

static const ecom_graphql_resolver resolvers[] = {
    {"Query", "hello", resolve_hello, NULL},      {"Query", "person", resolve_by_id, NULL},
    {"Query", "node", resolve_by_id, NULL},       {"Query", "people", resolve_people, NULL},
    {"Query", "search", resolve_search, NULL},    {"Query", "echo", resolve_echo, NULL},
    {"Query", "need", resolve_need, NULL},        {"Query", "fails", resolve_fails, NULL},
    {"Query", "failsHard", resolve_fails, NULL},  {"Query", "*", resolve_odd, NULL},
    {"Person", "friends", resolve_friends, NULL}, {"Person", "secret", resolve_secret, NULL},
    {"Mutation", "*", resolve_append, NULL},      {"Subscription", "tick", resolve_tick, NULL},
};

ecom_graphql_options world_options(void)
{
    static ecom_graphql_scalar scalars[2];
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;

    scalars[0] = ecom_graphql_money;
    scalars[1] = ecom_graphql_datetime;
    world_data();
    options.sdl = (ecom_str){sdl, sizeof(sdl) - 1};
    options.resolvers = resolvers;
    options.nresolvers = sizeof(resolvers) / sizeof(resolvers[0]);
    options.scalars = scalars;
    options.nscalars = 2;
    return options;
}

static ecom_graphql *open_world(const ecom_graphql_options *options)
{
    ecom_graphql *graphql = NULL;
    ecom_error err;

    if (ecom_graphql_new(options, &graphql, NULL, &err) < 0)
        fprintf(stderr, "# the world's schema: %s\n", err.text);
    return graphql;
}

ecom_graphql *world_open(void)
{
    const ecom_graphql_options options = world_options();

    return open_world(&options);
}

ecom_graphql *world_open_incremental(void)
{
    ecom_graphql_options options = world_options();

    options.incremental = 1;
    return open_world(&options);
}

ecom_buf world_ask(ecom_graphql *graphql, const char *body, struct world_counts *counts,
                   ecom_graphql_outcome *outcome)
{
    ecom_arena *arena = ecom_arena_new(0);
    ecom_graphql_request request = {.size = sizeof(request), .context = counts};
    ecom_buf out = {0};
    ecom_error err;

    if (!arena ||
        ecom_graphql_handle(graphql, ecom_str_of(body), &request, arena, &out, outcome, &err) < 0)
        ecom_buf_free(&out);
    ecom_arena_free(arena);
    return out;
}

ecom_buf world_query(ecom_graphql *graphql, const char *query)
{
    ecom_buf body = {0}, out = {0};

    if (ecom_buf_append(&body, ecom_str_of("{\"query\":")) == ECOM_OK &&
        ecom_json_write_str(&body, ecom_str_of(query)) == ECOM_OK &&
        ecom_buf_append(&body, ecom_str_of("}")) == ECOM_OK)
        out = world_ask(graphql, body.p, NULL, NULL);
    ecom_buf_free(&body);
    return out;
}

static int add_rest(ecom_graphql_rest *rest, ecom_buf *out)
{
    int r = ECOM_OK;

    while (r == ECOM_OK && rest && !ecom_graphql_rest_is_over(rest))
        if ((r = ecom_buf_append(out, ecom_str_of(","))) == ECOM_OK)
            r = ecom_graphql_rest_next(rest, out, NULL);
    ecom_graphql_rest_free(rest);
    return r < 0 ? r : ecom_buf_append(out, ecom_str_of("]"));
}

static int add_parts(ecom_graphql *graphql, const ecom_json *body, ecom_graphql_request *request,
                     ecom_arena *arena, ecom_buf *out)
{
    const ecom_json *variables = ecom_json_get(body, "variables");
    ecom_graphql_document *document = NULL;
    ecom_graphql_rest *rest = NULL;
    int r = ecom_graphql_prepare(graphql, ecom_json_get(body, "query")->text, &document, out, NULL);

    if (r < 0) /* the answer says why */
        return r == ECOM_E_NOMEM ? r : ecom_buf_append(out, ecom_str_of("]"));
    if (variables && variables->kind == ECOM_JSON_OBJECT)
        request->variables = variables;
    r = ecom_graphql_begin(graphql, document, request, arena, out, &rest, NULL, NULL);
    ecom_graphql_document_unref(document);
    return r < 0 ? r : add_rest(rest, out);
}

ecom_buf world_parts(ecom_graphql *graphql, const char *body, int32_t dialect,
                     struct world_counts *counts)
{
    ecom_arena *arena = ecom_arena_new(0);
    ecom_graphql_request request = {.size = sizeof(request), .context = counts, .dialect = dialect};
    const ecom_json *json;
    ecom_buf out = {0};

    if (!arena || ecom_json_parse(ecom_str_of(body), NULL, arena, &json, NULL) < 0 ||
        ecom_buf_append(&out, ecom_str_of("[")) < 0 ||
        add_parts(graphql, json, &request, arena, &out) < 0)
        ecom_buf_free(&out);
    ecom_arena_free(arena);
    return out;
}
