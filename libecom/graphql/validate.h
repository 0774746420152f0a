/* One walk over a document; at each place every rule that has a say there is asked, in the order of
 * the reference implementation, so that errors come in its order too. A rule is a small function in
 * one of the tables of rules.c. */
#ifndef GRAPHQL_VALIDATE_H
#define GRAPHQL_VALIDATE_H

#include "graphql/coerce.h"
#include "graphql/engine.h"

/* A variable where it is used. */
struct gql_usage {
    struct gql_usage *next;
    const struct gql_value *value;
    const struct gql_ref *type;    /* what is expected there; NULL: unknown */
    int has_default;               /* the place has one */
    const struct gql_type *one_of; /* the input object around, when it is one-of */
};

struct gql_spread {
    struct gql_spread *next;
    const struct gql_selection *selection;
};

/* What a definition mentions, for rules that look at operations with all their fragments. */
struct gql_scope {
    struct gql_usage *usages, **last_usage;
    struct gql_spread *spreads, **last_spread;
    uint32_t mark; /* the last operation that saw it */
    uint8_t state; /* in the search for circles */
    uint8_t used;
    /* Lists of types around the fragment, and one: when last looked at; when it was too deep. */
    uint8_t looked_at, too_deep;
};

struct gql_walk {
    const struct gql_schema *schema;
    const struct gql_document *document;
    ecom_arena *arena;
    struct gql_errors *errors;
    int no_introspection, circles;           /* among fragments: nothing may follow them */
    const struct gql_definition **fragments; /* by index */
    struct gql_scope *scopes;                /* of fragments by index */
    struct gql_scope *scope;                 /* of the current definition */
    struct gql_scope operation_scope;
    const struct gql_definition *definition; /* the current one */
    const struct gql_type *parent;           /* whose fields are selected; NULL: unknown */
    const struct gql_directive *directive;   /* whose arguments are looked at, or NULL */
    const struct gql_directive_type *directive_type;
    const struct gql_selection *selection; /* the current field, spread or inline fragment */
    const char *location;                  /* of the directives that are looked at */
    uint32_t place;                        /* of what they are applied to */
    const struct gql_inputs *inputs;       /* what the arguments may be; NULL: unknown */
};

/* Each rule, under the name the reference has for it; see rules.c. */
void ecom__gql_rules_document(struct gql_walk *w);
void ecom__gql_rules_definition(struct gql_walk *w, const struct gql_definition *d);
void ecom__gql_rules_variable(struct gql_walk *w, const struct gql_variable *v);
void ecom__gql_rules_selection(struct gql_walk *w, const struct gql_selection *s);
void ecom__gql_rules_directives(struct gql_walk *w, const struct gql_directive *first);
void ecom__gql_rules_arguments(struct gql_walk *w, const struct gql_argument *first);
/* When a field or directive has been seen with all its arguments. */
void ecom__gql_rules_required(struct gql_walk *w, const struct gql_argument *first);
/* When an operation with all that it spreads has been seen; see rules_variables.c. */
void ecom__gql_rules_usages(struct gql_walk *w, const struct gql_definition *operation);
void ecom__gql_rules_end(struct gql_walk *w);

/* Of @defer and @stream; see rules_incremental.c. @return how many there are. */
uint32_t ecom__gql_rule_labels(struct gql_walk *w);
void ecom__gql_rule_incremental_roots(struct gql_walk *w, const struct gql_definition *d);
void ecom__gql_rule_incremental_operations(struct gql_walk *w, const struct gql_definition *d);
void ecom__gql_rule_stream_lists(struct gql_walk *w, const struct gql_directive *first);

void ecom__gql_introspection_depth(struct gql_walk *w, const struct gql_selection *s);
void ecom__gql_introspection_allowed(struct gql_walk *w, const struct gql_selection *s);

/* A value where @p type (NULL: unknown) is expected; notes the variables in it. */
void ecom__gql_check_value(struct gql_walk *w, const struct gql_value *value,
                           const struct gql_ref *type, int has_default);

#define GQL_REPORT(w_, at_, ...)                                 \
    do {                                                         \
        uint32_t place_ = (at_);                                 \
        ecom__gql_report((w_)->errors, &place_, 1, __VA_ARGS__); \
    } while (0)
#define GQL_REPORT2(w_, a_, b_, ...)                             \
    do {                                                         \
        uint32_t places_[] = {(a_), (b_)};                       \
        ecom__gql_report((w_)->errors, places_, 2, __VA_ARGS__); \
    } while (0)
#define GQL_NAME(n_) GQL_P(gql_str(n_))

#endif
