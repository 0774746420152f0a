/* What is wrong with a request: messages with places, gathered in an arena. */
#ifndef GRAPHQL_ERRORS_H
#define GRAPHQL_ERRORS_H

#include "ecom/graphql.h"

enum { GQL_MAX_ERRORS = 100, GQL_SUGGESTING = 200000 };

/* The rules of validation, in the order in which the reference implementation asks them. */
enum gql_rule {
    GQL_R_NONE,
    GQL_R_EXECUTABLE_DEFINITIONS,
    GQL_R_KNOWN_OPERATION_TYPES,
    GQL_R_UNIQUE_OPERATION_NAMES,
    GQL_R_LONE_ANONYMOUS_OPERATION,
    GQL_R_SINGLE_FIELD_SUBSCRIPTIONS,
    GQL_R_KNOWN_TYPE_NAMES,
    GQL_R_FRAGMENTS_ON_COMPOSITE_TYPES,
    GQL_R_VARIABLES_ARE_INPUT_TYPES,
    GQL_R_SCALAR_LEAFS,
    GQL_R_FIELDS_ON_CORRECT_TYPE,
    GQL_R_UNIQUE_FRAGMENT_NAMES,
    GQL_R_KNOWN_FRAGMENT_NAMES,
    GQL_R_NO_UNUSED_FRAGMENTS,
    GQL_R_POSSIBLE_FRAGMENT_SPREADS,
    GQL_R_NO_FRAGMENT_CYCLES,
    GQL_R_UNIQUE_VARIABLE_NAMES,
    GQL_R_NO_UNDEFINED_VARIABLES,
    GQL_R_NO_UNUSED_VARIABLES,
    GQL_R_KNOWN_DIRECTIVES,
    GQL_R_UNIQUE_DIRECTIVES_PER_LOCATION,
    GQL_R_INCREMENTAL_ROOTS,
    GQL_R_INCREMENTAL_OPERATIONS,
    GQL_R_INCREMENTAL_LABELS,
    GQL_R_STREAM_LISTS,
    GQL_R_KNOWN_ARGUMENT_NAMES,
    GQL_R_UNIQUE_ARGUMENT_NAMES,
    GQL_R_VALUES_OF_CORRECT_TYPE,
    GQL_R_PROVIDED_REQUIRED_ARGUMENTS,
    GQL_R_VARIABLES_IN_ALLOWED_POSITION,
    GQL_R_OVERLAPPING_FIELDS_CAN_BE_MERGED,
    GQL_R_UNIQUE_INPUT_FIELD_NAMES,
    GQL_R_MAX_INTROSPECTION_DEPTH,
    GQL_R_INTROSPECTION_ALLOWED,
};

struct gql_error {
    struct gql_error *next;
    ecom_str message;
    uint64_t order;   /* errors are listed by it */
    const char *code; /* extensions.code */
    uint8_t rule;     /* enum gql_rule */
    uint32_t *at;     /* offsets in the source */
    uint32_t nat;
};

struct gql_errors {
    ecom_arena *arena;
    ecom_str source;
    struct gql_error *first, *last;
    uint32_t n;
    int code;            /* ECOM_E_INVAL of the first, or what else stopped it */
    uint8_t rule;        /* enum gql_rule: that speaks now */
    uint64_t event;      /* where in the walk over the document it speaks, see GQL_ENTER */
    uint32_t suggesting; /* work left for finding names that were meant */
};

/* A node of the document is come to at its first byte, and left behind its last: errors are listed
 * in this order, whatever the order in which rules find them. */
#define GQL_ENTER(at_) ((uint64_t)(at_)*2 + 1)
#define GQL_LEAVE(end_) ((uint64_t)(end_)*2)
#define GQL_LEAVE_DOCUMENT GQL_LEAVE(UINT32_MAX)

struct gql_place {
    uint32_t line, column; /* both from 1; a column is a UTF-16 unit, as editors count */
};
struct gql_place ecom__gql_place(ecom_str source, uint32_t at);

/* A formatted text in the arena; p is NULL when out of memory. */
ecom_str ecom__gql_format(ecom_arena *arena, const char *fmt, ...) ECOM_PRINTF(2, 3);

/* Adds an error at @p nat offsets and returns its code: ECOM_E_INVAL, or ECOM_E_NOMEM. */
int ecom__gql_report(struct gql_errors *errors, const uint32_t *at, uint32_t nat, const char *fmt,
                     ...) ECOM_PRINTF(4, 5);
/* A limit was exceeded: ECOM_E_TOOLARGE, or ECOM_E_NOMEM. */
int ecom__gql_exceeded(struct gql_errors *errors, uint32_t at, const char *fmt, ...)
    ECOM_PRINTF(3, 4);
/* Appends `"errors":[...]`. */
int ecom__gql_errors_write(const struct gql_errors *errors, ecom_buf *out);
/* Appends `"locations":[...]`. */
int ecom__gql_places_write(ecom_str source, const uint32_t *at, uint32_t nat, ecom_buf *out);

/* For printf's "%.*s"; evaluates its argument several times. */
#define GQL_P(s_) (int)((s_).n < 1000 ? (s_).n : 1000), (s_).p ? (s_).p : ""

#endif
