/* JSON texts, read in one pass: the text is copied into the arena, its strings are unescaped there,
 * and the tree's nodes point into it. */
#include "ecom/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/json_scan.h"
#include "base/path.h"

enum {
    DEFAULT_BYTES = 1 << 20,
    DEFAULT_DEPTH = 32,
    DEFAULT_KEYS = 256,
    DEFAULT_NODES = 100000,
    MOST_BYTES = 1 << 30,
    MOST_DEPTH = 512,
    FIRST_NODES = 8, /* in the first piece of them; each next one is twice as large */
    MOST_NODES = 512,
    FEW_KEYS = 16 /* are compared each with each */
};

/* What may come next. */
enum awaited {
    A_VALUE,
    A_KEY,
    A_COLON,
    A_COMMA, /* or the end of what we are in */
    NOTHING
};

/* A container that is not closed yet. */
struct frame {
    ecom_json *in;
    ecom_json *last; /* child so far, which the innermost frame's error is about; NULL: none */
};

struct reader {
    const ecom_json_limits *limits;
    ecom_arena *arena;
    char *start, *p, *end; /* of the copy, which has a NUL behind it */
    struct frame *frames;  /* the outermost holds the text's one value, as an item */
    uint32_t depth;        /* frames around p, without that one */
    enum awaited awaited;
    uint32_t values;
    ecom_json *spare; /* nodes not taken yet */
    uint32_t nspare, piece;
    ecom_error *err;
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

/* Fills the links from the newest child of the innermost container up to the top; NULL: the text
 * itself is meant. */
static const struct ecom__path *path_of(const struct reader *r, struct ecom__path links[MOST_DEPTH])
{
    size_t n = 0;

    for (uint32_t depth = r->depth; depth; depth--) {
        const struct frame *frame = &r->frames[depth];
        if (!frame->last)
            continue; /* nothing is in the innermost one yet */
        links[n] = (struct ecom__path){.up = &links[n + 1]};
        if (frame->in->kind == ECOM_JSON_OBJECT)
            links[n].name = frame->last->name;
        else
            links[n].index = frame->in->count - 1;
        n++;
    }
    if (n)
        links[n - 1].up = NULL;
    return n ? links : NULL;
}

static int fail(const struct reader *r, int code, const char *fmt, ...) ECOM_PRINTF(3, 4);
static int fail(const struct reader *r, int code, const char *fmt, ...)
{
    struct ecom__path links[MOST_DEPTH];
    char text[160];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return ecom__path_fail(r->err, code, path_of(r, links), "%s", text);
}

static int fail_memory(const struct reader *r)
{
    return ecom_fail(r->err, ECOM_E_NOMEM, "out of memory");
}

static int fail_at(const struct reader *r, const char *what)
{
    return fail(r, ECOM_E_INVAL, "%s at byte %zu", what, (size_t)(r->p - r->start));
}

static int fail_unexpected(const struct reader *r)
{
    unsigned char c = (unsigned char)*r->p;
    char what[32];

    snprintf(what, sizeof(what), c > 0x20 && c < 0x7F ? "unexpected '%c'" : "unexpected 0x%02x", c);
    return fail_at(r, what);
}

static ecom_json *new_node(struct reader *r)
{
    if (r->nspare == 0) {
        uint32_t piece = r->piece * 2;
        r->piece = piece == 0 ? FIRST_NODES : piece < MOST_NODES ? piece : MOST_NODES;
        if (!(r->spare = ecom_arena_alloc(r->arena, r->piece * sizeof(*r->spare))))
            return NULL;
        r->nspare = r->piece;
    }
    r->nspare--;
    return r->spare++;
}

/* Adds a child to the innermost container. */
static ecom_json *add(struct reader *r)
{
    struct frame *frame = &r->frames[r->depth];
    ecom_json *node = new_node(r);

    if (!node)
        return NULL;
    *(frame->last ? &frame->last->next : &frame->in->first) = node;
    frame->last = node;
    frame->in->count++;
    return node;
}

/* A value starts: in an array as a new item, which is named also where it is out of place; in an
 * object as the member whose key was read. */
static int begin(struct reader *r, ecom_json_kind kind)
{
    struct frame *frame = &r->frames[r->depth];

    if (frame->in->kind == ECOM_JSON_ARRAY && !add(r))
        return fail_memory(r);
    if (r->awaited != A_VALUE)
        return fail_unexpected(r);
    frame->last->kind = (uint8_t)kind;
    r->awaited = r->depth ? A_COMMA : NOTHING;
    if (++r->values > r->limits->max_nodes)
        return fail(r, ECOM_E_TOOLARGE, "more than %u values in the text", r->limits->max_nodes);
    return ECOM_OK;
}

static int read_open(struct reader *r, ecom_json_kind kind)
{
    int code = begin(r, kind);

    if (code < 0)
        return code;
    if (r->depth == r->limits->max_depth)
        return fail(r, ECOM_E_TOOLARGE, "more than %u arrays and objects inside each other",
                    r->limits->max_depth);
    ecom_json *in = r->frames[r->depth].last;
    r->frames[++r->depth] = (struct frame){.in = in};
    r->awaited = kind == ECOM_JSON_OBJECT ? A_KEY : A_VALUE;
    r->p++;
    return ECOM_OK;
}

/* Any order that brings the same names together. */
static int order(const ecom_json *a, const ecom_json *b)
{
    return a->name.n != b->name.n ? (a->name.n > b->name.n) - (a->name.n < b->name.n)
                                  : memcmp(a->name.p, b->name.p, a->name.n);
}

static void sift_down(const ecom_json **heap, size_t at, size_t n)
{
    const ecom_json *moved = heap[at];

    for (size_t below; (below = 2 * at + 1) < n; at = below) {
        if (below + 1 < n && order(heap[below], heap[below + 1]) < 0)
            below++;
        if (order(moved, heap[below]) >= 0)
            break;
        heap[at] = heap[below];
    }
    heap[at] = moved;
}

/* In place, and in bounded time whatever the names are: heapsort. */
static void sort(const ecom_json **members, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift_down(members, i, n);
    while (n-- > 1) {
        const ecom_json *most = members[0];
        members[0] = members[n];
        members[n] = most;
        sift_down(members, 0, n);
    }
}

static const ecom_json *twice_of_few(const ecom_json *object)
{
    for (const ecom_json *member = object->first; member; member = member->next)
        for (const ecom_json *former = object->first; former != member; former = former->next)
            if (ecom_str_eq(former->name, member->name))
                return member;
    return NULL;
}

static int twice_of_many(struct reader *r, const ecom_json *object, const ecom_json **out)
{
    const ecom_json **members = ecom_arena_alloc(r->arena, object->count * sizeof(*members));
    size_t n = 0;

    if (!members)
        return fail_memory(r);
    for (const ecom_json *member = object->first; member; member = member->next)
        members[n++] = member;
    sort(members, n);
    for (size_t i = 1; i < n && !*out; i++)
        if (order(members[i - 1], members[i]) == 0)
            *out = members[i];
    return ECOM_OK;
}

static int check_twice(struct reader *r)
{
    struct frame *frame = &r->frames[r->depth];
    const ecom_json *twice = NULL;
    int code = ECOM_OK;

    if (frame->in->count <= FEW_KEYS)
        twice = twice_of_few(frame->in);
    else
        code = twice_of_many(r, frame->in, &twice);
    if (!twice)
        return code;
    frame->last = (ecom_json *)twice;
    return fail(r, ECOM_E_INVAL, "is there twice");
}

static int read_close(struct reader *r, ecom_json_kind kind)
{
    const ecom_json *in = r->frames[r->depth].in;

    if (r->depth == 0 || in->kind != kind || (in->count && r->awaited != A_COMMA))
        return fail_unexpected(r);
    int code = kind == ECOM_JSON_OBJECT ? check_twice(r) : ECOM_OK;
    if (code < 0)
        return code;
    r->awaited = --r->depth ? A_COMMA : NOTHING;
    r->p++;
    return ECOM_OK;
}

static int read_key(struct reader *r)
{
    ecom_str name;

    if (r->frames[r->depth].in->count == r->limits->max_keys)
        return fail(r, ECOM_E_TOOLARGE, "more than %u keys in one object", r->limits->max_keys);
    r->p++;
    const char *fault = ecom__json_scan_string(&r->p, r->end, 1, &name);
    if (fault)
        return fail_at(r, fault);
    ecom_json *member = add(r);
    if (!member)
        return fail_memory(r);
    member->name = name;
    r->awaited = A_COLON;
    return ECOM_OK;
}

static int read_string(struct reader *r)
{
    int code = begin(r, ECOM_JSON_STRING);

    if (code < 0)
        return code;
    r->p++;
    const char *fault = ecom__json_scan_string(&r->p, r->end, 0, &r->frames[r->depth].last->text);
    return fault ? fail_at(r, fault) : ECOM_OK;
}

static int read_number(struct reader *r)
{
    int code = begin(r, ECOM_JSON_NUMBER);

    if (code < 0)
        return code;
    const char *fault = ecom__json_scan_number(&r->p, &r->frames[r->depth].last->text);
    return fault ? fail_at(r, fault) : ECOM_OK;
}

static int read_word(struct reader *r, const char *word, ecom_json_kind kind)
{
    size_t n = strlen(word);
    int code = begin(r, kind);

    if (code < 0)
        return code;
    if (strncmp(r->p, word, n) != 0)
        return fail_unexpected(r);
    r->frames[r->depth].last->truth = *word == 't';
    r->p += n;
    return ECOM_OK;
}

/* A number or a word ends where something else can start. */
static int ends_here(const struct reader *r)
{
    return r->p == r->end || (*r->p && strchr(" \t\r\n,:]}", *r->p));
}

static int read_scalar(struct reader *r)
{
    char c = *r->p;
    int code = c == 't'                             ? read_word(r, "true", ECOM_JSON_BOOL)
               : c == 'f'                           ? read_word(r, "false", ECOM_JSON_BOOL)
               : c == 'n'                           ? read_word(r, "null", ECOM_JSON_NULL)
               : c == '-' || (c >= '0' && c <= '9') ? read_number(r)
                                                    : fail_unexpected(r);

    return code == ECOM_OK && !ends_here(r) ? fail_unexpected(r) : code;
}

static int read_mark(struct reader *r, enum awaited mark, enum awaited next)
{
    if (r->awaited != mark)
        return fail_unexpected(r);
    r->awaited = next;
    r->p++;
    return ECOM_OK;
}

static int read_next(struct reader *r)
{
    switch (*r->p) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        r->p++;
        return ECOM_OK;
    case ':':
        return read_mark(r, A_COLON, A_VALUE);
    case ',':
        return read_mark(r, A_COMMA,
                         r->frames[r->depth].in->kind == ECOM_JSON_OBJECT ? A_KEY : A_VALUE);
    case '{':
        return read_open(r, ECOM_JSON_OBJECT);
    case '[':
        return read_open(r, ECOM_JSON_ARRAY);
    case '}':
        return read_close(r, ECOM_JSON_OBJECT);
    case ']':
        return read_close(r, ECOM_JSON_ARRAY);
    case '"':
        return r->awaited == A_KEY ? read_key(r) : read_string(r);
    default:
        return read_scalar(r);
    }
}

static int read_text(struct reader *r, const ecom_json **out)
{
    while (r->p < r->end) {
        int code = read_next(r);
        if (code < 0)
            return code;
    }
    if (!r->frames[0].last)
        return ecom_fail(r->err, ECOM_E_INVAL, "there is no JSON value");
    if (r->depth)
        return fail_at(r, "the text ends inside an array or object");
    *out = r->frames[0].last;
    return ECOM_OK;
}

int ecom_json_parse(ecom_str text, const ecom_json_limits *limits, ecom_arena *arena,
                    const ecom_json **out, ecom_error *err)
{
    ecom_json_limits all = all_limits(limits);
    ecom_json outside = {.kind = ECOM_JSON_ARRAY};
    struct frame frames[MOST_DEPTH + 1];
    struct reader r = {.limits = &all, .arena = arena, .frames = frames, .err = err};

    if (text.n > all.max_bytes)
        return ecom_fail(err, ECOM_E_TOOLARGE, "%zu bytes of JSON, at most %u are allowed", text.n,
                         all.max_bytes);
    r.start = (char *)ecom_arena_copy(arena, text).p;
    if (!r.start)
        return fail_memory(&r);
    r.p = r.start;
    r.end = r.start + text.n;
    frames[0] = (struct frame){.in = &outside};
    return read_text(&r, out);
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
