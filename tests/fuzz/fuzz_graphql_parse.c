#include <stdint.h>
#include <stdlib.h>

#include "graphql/lexer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct gql_bounds bounds = {1 << 20, 100000, 100, 1};

static int parse(ecom_str text, ecom_arena *arena, struct gql_document *out)
{
    struct gql_errors errors = {.arena = arena};
    int r = ecom__gql_parse(text, &bounds, arena, out, &errors);

    /* What is refused says why, at a place within the text. */
    if (r != ECOM_OK && (!errors.first || (errors.first->nat && errors.first->at[0] > text.n)))
        abort();
    return r;
}

/* What is taken prints as something that is taken, and prints the same again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ecom_arena *arena = ecom_arena_new((size_t)256 << 20);
    struct gql_document document, again;
    ecom_buf first = {0}, second = {0};

    if (parse((ecom_str){(const char *)data, n}, arena, &document) == ECOM_OK) {
        if (ecom__gql_print(&document, &first) < 0)
            abort();
        if (first.n < bounds.max_bytes &&
            (parse(ecom_buf_str(&first), arena, &again) < 0 ||
             ecom__gql_print(&again, &second) < 0 ||
             !ecom_str_eq(ecom_buf_str(&first), ecom_buf_str(&second))))
            abort();
    }
    ecom_buf_free(&first);
    ecom_buf_free(&second);
    ecom_arena_free(arena);
    return 0;
}
