/* Tokens of a GraphQL text, one at a time. */
#ifndef GRAPHQL_LEXER_H
#define GRAPHQL_LEXER_H

#include "graphql/ast.h"
#include "graphql/errors.h"

/* Punctuators are their own character. */
enum gql_token_kind {
    GQL_T_END = 0,
    GQL_T_SPREAD = 1,
    GQL_T_NAME,
    GQL_T_INT,
    GQL_T_FLOAT,
    GQL_T_STRING,
    GQL_T_BLOCK
};

struct gql_token {
    uint8_t kind;
    uint8_t plain; /* a string without escapes: its bytes are its value */
    uint32_t at, end;
    uint32_t hash; /* of a name */
};

struct gql_lexer {
    ecom_str source;
    uint32_t pos, seed;
    uint32_t ntokens, max_tokens;
    struct gql_errors *errors;
};

/* @return ECOM_OK, or what ecom__gql_report() returned. */
int ecom__gql_lex(struct gql_lexer *lexer, struct gql_token *out);
/* The value of a string token; p is NULL when out of memory. */
ecom_str ecom__gql_string(const struct gql_lexer *lexer, const struct gql_token *token,
                          ecom_arena *arena);
/* `Name "x"`, `"{"`, `<EOF>`: a token in an error. @p out holds 160 bytes. */
void ecom__gql_token_text(const struct gql_lexer *lexer, const struct gql_token *token,
                          char out[160]);

#endif
