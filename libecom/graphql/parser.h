/* What both halves of the parser share: the executable language and the type system. */
#ifndef GRAPHQL_PARSER_H
#define GRAPHQL_PARSER_H

#include "graphql/lexer.h"

/* The first failure stays in `failed`; from then on every function returns at once and the current
 * token reads as the end of the text, so that loops come to theirs. */
struct gql_parser {
    struct gql_lexer lexer;
    struct gql_token token;
    ecom_arena *arena;
    struct gql_document *document;
    uint32_t end; /* of the token before the current one */
    uint32_t depth, max_depth;
    int failed;
};

void ecom__gql_advance(struct gql_parser *p);
/* Truth; and takes the token. */
int ecom__gql_take(struct gql_parser *p, uint8_t kind);
int ecom__gql_take_word(struct gql_parser *p, const char *word);
void ecom__gql_expect(struct gql_parser *p, uint8_t kind);
void ecom__gql_expect_word(struct gql_parser *p, const char *word);
void ecom__gql_unexpected(struct gql_parser *p);
/* Truth: the current token is this name. */
int ecom__gql_at_word(const struct gql_parser *p, const char *word);
void *ecom__gql_node(struct gql_parser *p, size_t size);
int ecom__gql_fail_at(struct gql_parser *p, uint32_t at, const char *text);

struct gql_name ecom__gql_parse_name(struct gql_parser *p);
struct gql_value *ecom__gql_parse_value(struct gql_parser *p, int constant);
struct gql_value *ecom__gql_parse_description(struct gql_parser *p);
struct gql_ref *ecom__gql_parse_ref(struct gql_parser *p);
struct gql_ref *ecom__gql_parse_named(struct gql_parser *p);
struct gql_directive *ecom__gql_parse_directives(struct gql_parser *p, int constant);
/* A definition of the type system whose keyword is the current token; 0: it is none. */
int ecom__gql_parse_system(struct gql_parser *p, struct gql_definition *d);
void ecom__gql_parse_extension(struct gql_parser *p, struct gql_definition *d);

#endif
