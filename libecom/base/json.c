/* The only file that knows json-c. It gives the grammar and the unescaped strings; what it is known
 * to let through, json_lint.c has refused before, and what it cannot tell (which keys came twice,
 * how a number was written), the lint's tape knows: both are walked in step. */
#include "ecom/json.h"

#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "base/decimal.h"
#include "base/json_lint.h"

enum {
    DEFAULT_BYTES = 1 << 20,
    DEFAULT_DEPTH = 32,
    DEFAULT_KEYS = 256,
    DEFAULT_NODES = 100000,
    MOST_BYTES = 1 << 30, /* json-c counts in int */
    MOST_DEPTH = 512,
    COMPARED_KEYS = 1024 /* when looking for the one that came twice */
};

static uint32_t limit(uint32_t wanted, uint32_t otherwise, uint32_t most)
{
    uint32_t n = wanted ? wanted : otherwise;

    return n < most ? n : most;
}

static ecom_json_limits all_limits(const ecom_json_limits *limits)
{
    ecom_json_limits wanted = {0};

    if (limits)
        memcpy(&wanted, limits, limits->size < sizeof(wanted) ? limits->size : sizeof(wanted));
    return (ecom_json_limits){
        .size = sizeof(wanted),
        .max_bytes = limit(wanted.max_bytes, DEFAULT_BYTES, MOST_BYTES),
        .max_depth = limit(wanted.max_depth, DEFAULT_DEPTH, MOST_DEPTH),
        .max_keys = limit(wanted.max_keys, DEFAULT_KEYS, UINT32_MAX),
        .max_nodes = limit(wanted.max_nodes, DEFAULT_NODES, UINT32_MAX),
    };
}

/* The tape's token at which json-c stopped: the last one that starts before that byte. */
static uint32_t token_at(const struct ecom__json_tape *tape, size_t byte)
{
    uint32_t i = tape->n - 1;

    while (i > 0 && tape->tokens[i].at > byte)
        i--;
    return i;
}

static int fail_grammar(const struct ecom__json_tape *tape, json_tokener *tokener, ecom_error *err)
{
    enum json_tokener_error why = json_tokener_get_error(tokener);
    size_t byte = json_tokener_get_parse_end(tokener);
    char text[96];

    snprintf(text, sizeof(text), "is not JSON: %s at byte %zu", json_tokener_error_desc(why), byte);
    return ecom__json_tape_fail(tape, token_at(tape, byte), err, ECOM_E_INVAL, text);
}

static int parse_grammar(const struct ecom__json_tape *tape, uint32_t max_depth, json_object **out,
                         ecom_error *err)
{
    json_tokener *tokener = json_tokener_new_ex((int)max_depth + 2);
    int r = ECOM_OK;

    if (!tokener)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    /* Not JSON_TOKENER_STRICT: json-c 0.17 and 0.18 then refuse every character beyond ASCII. What
     * it would refuse beside that, the lint has refused. */
    *out = json_tokener_parse_ex(tokener, tape->text.p, (int)tape->text.n);
    if (json_tokener_get_error(tokener) == json_tokener_continue)
        *out = json_tokener_parse_ex(tokener, "", 1); /* a number ends only with the text */
    if (json_tokener_get_error(tokener) != json_tokener_success)
        r = fail_grammar(tape, tokener, err);
    json_tokener_free(tokener);
    return r;
}

/* The tree under way: nodes and bytes were counted before, so each is one allocation. */
struct build {
    const struct ecom__json_tape *tape;
    uint32_t i; /* the next token */
    ecom_json *nodes;
    char *bytes;
    const struct ecom__json_token *twice; /* the object that has a key twice, when found */
};

static ecom_str keep(struct build *b, const char *p, size_t n)
{
    char *to = b->bytes;

    memcpy(to, p, n);
    b->bytes += n;
    return (ecom_str){to, n};
}

static ecom_json *build(struct build *b, json_object *from);

static int build_items(struct build *b, ecom_json *array, json_object *from)
{
    ecom_json *last = NULL;

    if (json_object_array_length(from) != array->count)
        return 0;
    for (uint32_t i = 0; i < array->count; i++) {
        ecom_json *item = build(b, json_object_array_get_idx(from, i));
        if (!item)
            return 0;
        *(last ? &last->next : &array->first) = item;
        last = item;
    }
    return 1;
}

static int build_members(struct build *b, ecom_json *object, json_object *from)
{
    struct json_object_iterator at = json_object_iter_begin(from), end = json_object_iter_end(from);
    ecom_json *last = NULL;

    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
        const struct ecom__json_token *key = &b->tape->tokens[b->i];
        const char *name = json_object_iter_peek_name(&at);
        if (!key->is_key || strlen(name) != key->size)
            return 0;
        b->i++;
        ecom_str kept = keep(b, name, key->size);
        ecom_json *member = build(b, json_object_iter_peek_value(&at));
        if (!member)
            return 0;
        member->name = kept;
        *(last ? &last->next : &object->first) = member;
        last = member;
    }
    return 1;
}

static int build_string(struct build *b, ecom_json *node, json_object *from, uint32_t size)
{
    if ((uint32_t)json_object_get_string_len(from) != size)
        return 0;
    node->text = keep(b, json_object_get_string(from), size);
    return 1;
}

static int is_kind(json_object *from, uint8_t kind)
{
    static const ecom_json_kind kinds[] = {
        [json_type_null] = ECOM_JSON_NULL,     [json_type_boolean] = ECOM_JSON_BOOL,
        [json_type_double] = ECOM_JSON_NUMBER, [json_type_int] = ECOM_JSON_NUMBER,
        [json_type_object] = ECOM_JSON_OBJECT, [json_type_array] = ECOM_JSON_ARRAY,
        [json_type_string] = ECOM_JSON_STRING,
    };

    return kinds[json_object_get_type(from)] == kind;
}

/* NULL when json-c's tree is not what the text says: a key came twice, or json-c, which does not
 * check all of its allocations, lost something. The depth is bounded by the lint. */
static ecom_json *build(struct build *b, json_object *from)
{
    const struct ecom__json_token *token = &b->tape->tokens[b->i];
    ecom_json *node = b->nodes;
    int ok = 1;

    if (b->i == b->tape->n || token->is_key || !is_kind(from, token->kind))
        return NULL;
    b->i++;
    b->nodes++;
    node->kind = token->kind;
    if (token->kind == ECOM_JSON_NUMBER)
        node->text = keep(b, b->tape->text.p + token->at, token->n);
    else if (token->kind == ECOM_JSON_BOOL)
        node->truth = (uint8_t)json_object_get_boolean(from);
    else if (token->kind == ECOM_JSON_STRING)
        ok = build_string(b, node, from, token->size);
    else
        node->count = token->size;
    if (token->kind == ECOM_JSON_ARRAY)
        ok = build_items(b, node, from);
    if (token->kind == ECOM_JSON_OBJECT && (size_t)json_object_object_length(from) != token->size) {
        b->twice = token;
        return NULL;
    }
    if (token->kind == ECOM_JSON_OBJECT)
        ok = build_members(b, node, from);
    return ok ? node : NULL;
}

/* A key of the object that is written twice in the same way; the object itself when there is none:
 * one of the two is escaped. */
static uint32_t find_twice(const struct ecom__json_tape *tape, uint32_t object)
{
    const struct ecom__json_token *t = tape->tokens;
    uint32_t seen[COMPARED_KEYS], n = 0;

    for (uint32_t i = object + 1; i < tape->n && n < COMPARED_KEYS; i++) {
        if (!t[i].is_key || t[i].up != object)
            continue;
        for (uint32_t k = 0; k < n; k++)
            if (t[seen[k]].n == t[i].n &&
                memcmp(tape->text.p + t[seen[k]].at, tape->text.p + t[i].at, t[i].n) == 0)
                return i;
        seen[n++] = i;
    }
    return object;
}

static int convert(const struct ecom__json_tape *tape, json_object *from, ecom_arena *arena,
                   const ecom_json **out, ecom_error *err)
{
    struct build b = {
        .tape = tape,
        .nodes = ecom_arena_alloc(arena, tape->nodes * sizeof(ecom_json)),
        .bytes = ecom_arena_alloc(arena, tape->bytes),
    };

    if (!b.nodes || !b.bytes)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    const ecom_json *top = build(&b, from);
    if (b.twice) {
        uint32_t object = (uint32_t)(b.twice - tape->tokens), key = find_twice(tape, object);
        return ecom__json_tape_fail(tape, key, err, ECOM_E_INVAL,
                                    key == object ? "has the same key twice" : "is there twice");
    }
    if (!top)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    *out = top;
    return ECOM_OK;
}

int ecom_json_parse(ecom_str text, const ecom_json_limits *limits, ecom_arena *arena,
                    const ecom_json **out, ecom_error *err)
{
    ecom_json_limits all = all_limits(limits);
    struct ecom__json_tape tape = {.text = text};
    json_object *tree = NULL;
    int r = ecom__json_lint(&tape, &all, err);

    if (r == ECOM_OK)
        r = parse_grammar(&tape, all.max_depth, &tree, err);
    if (r == ECOM_OK)
        r = convert(&tape, tree, arena, out, err);
    json_object_put(tree);
    ecom__json_tape_clear(&tape);
    return r;
}

const ecom_json *ecom_json_get(const ecom_json *object, const char *name)
{
    ecom_str wanted = ecom_str_of(name);

    if (!object || object->kind != ECOM_JSON_OBJECT)
        return NULL;
    for (const ecom_json *member = object->first; member; member = member->next)
        if (ecom_str_eq(member->name, wanted))
            return member;
    return NULL;
}

int ecom_json_int(const ecom_json *value, int64_t *out, ecom_error *err)
{
    if (!value || value->kind != ECOM_JSON_NUMBER)
        return ecom_fail(err, ECOM_E_INVAL, "must be an integer");
    switch (ecom__decimal_parse(value->text, 0, out)) {
    case ECOM__DECIMAL_OK:
        return ECOM_OK;
    case ECOM__DECIMAL_RANGE:
        return ecom_fail(err, ECOM_E_INVAL, "must be an integer of 64 bits");
    default:
        return ecom_fail(err, ECOM_E_INVAL, "must be an integer");
    }
}
