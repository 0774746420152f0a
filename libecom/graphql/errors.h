/* What is wrong with a request: messages with places, gathered in an arena. */
#ifndef GRAPHQL_ERRORS_H
#define GRAPHQL_ERRORS_H

#include "ecom/graphql.h"

enum { GQL_MAX_ERRORS = 100 };

struct gql_error {
    struct gql_error *next;
    ecom_str message;
    const char *rule; /* the validation rule, or NULL */
    const char *code; /* extensions.code */
    uint32_t *at;     /* offsets in the source */
    uint32_t nat;
};

struct gql_errors {
    ecom_arena *arena;
    ecom_str source;
    struct gql_error *first, *last;
    uint32_t n;
    int code;         /* ECOM_E_INVAL of the first, or what else stopped it */
    const char *rule; /* that speaks now */
};

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

/* For printf's "%.*s". */
#define GQL_P(s_) (int)((s_).n < 1000 ? (s_).n : 1000), (s_).p ? (s_).p : ""

#endif
