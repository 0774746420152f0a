/* A GraphQL schema of one's own, asked once, without server or shop.
 *
 *     cc graphql.c -o graphql $(pkg-config --cflags --libs libecom-graphql)
 *     ./graphql '{ books { title author { name } } }'
 *     ./graphql '{ books { title ... @defer { author { name } } } }'
 */
#include <ecom/graphql.h>
#include <stdio.h>

static const char sdl[] = "type Query { books: [Book!]! }"
                          "type Book { title: String! author: Author }"
                          "type Author { name: String! }";

struct author {
    int id;
    const char *name;
};
struct book {
    const char *title;
    int author;
};
static const struct author authors[] = {{1, "Ada"}, {2, "Grace"}};
static const struct book books[] = {{"Engines", 1}, {"Compilers", 2}, {"Notes", 1}};

static int query_books(ecom_graphql_call *call, void *user, ecom_error *err)
{
    int r = ecom_graphql_set_list(call, &call->results[0], 3);

    (void)user;
    for (int i = 0; i < 3 && r == ECOM_OK; i++)
        ecom_graphql_set_object(&call->results[0].as.items[i], &books[i]);
    return r < 0 ? ecom_fail(err, r, "books") : ECOM_OK;
}

static int book_title(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    for (uint32_t i = 0; i < call->n; i++)
        ecom_graphql_set_str(&call->results[i],
                             ecom_str_of(((const struct book *)call->parents[i])->title));
    return ECOM_OK;
}

/* Called once for all books: here a program would ask its database for these ids at once. */
static int book_author(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    fprintf(stderr, "%u books want their authors\n", call->n);
    for (uint32_t i = 0; i < call->n; i++)
        for (int a = 0; a < 2; a++)
            if (authors[a].id == ((const struct book *)call->parents[i])->author)
                ecom_graphql_set_object(&call->results[i], &authors[a]);
    return ECOM_OK;
}

static int author_name(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    for (uint32_t i = 0; i < call->n; i++)
        ecom_graphql_set_str(&call->results[i],
                             ecom_str_of(((const struct author *)call->parents[i])->name));
    return ECOM_OK;
}

static const ecom_graphql_resolver resolvers[] = {
    {"Query", "books", query_books, NULL},
    {"Book", "title", book_title, NULL},
    {"Book", "author", book_author, NULL},
    {"Author", "name", author_name, NULL},
};

int main(int argc, char **argv)
{
    const ecom_graphql_options options = {
        .size = sizeof(options),
        .sdl = ecom_str_of(sdl),
        .resolvers = resolvers,
        .nresolvers = sizeof(resolvers) / sizeof(resolvers[0]),
        .incremental = 1, /* `@defer` and `@stream`: the response may come in parts */
    };
    ecom_graphql_document *document = NULL;
    ecom_graphql_rest *rest = NULL;
    ecom_arena *arena = ecom_arena_new(0);
    ecom_graphql *graphql = NULL;
    ecom_buf out = {0};
    ecom_error e;

    int r = arena ? ecom_graphql_new(&options, &graphql, NULL, &e) : ECOM_E_NOMEM;
    if (r == ECOM_OK)
        r = ecom_graphql_prepare(graphql, ecom_str_of(argc > 1 ? argv[1] : "{ books { title } }"),
                                 &document, &out, &e);
    if (r == ECOM_OK)
        r = ecom_graphql_begin(graphql, document, NULL, arena, &out, &rest, NULL, &e);
    printf("%.*s\n", (int)out.n, out.p ? out.p : ""); /* the response, or what is wrong with it */
    while (r == ECOM_OK && rest && !ecom_graphql_rest_is_over(rest)) {
        out.n = 0;
        r = ecom_graphql_rest_next(rest, &out, &e);
        printf("%.*s\n", (int)out.n, out.p);
    }
    ecom_graphql_rest_free(rest);
    ecom_graphql_document_unref(document);
    ecom_graphql_free(graphql);
    ecom_arena_free(arena);
    ecom_buf_free(&out);
    return r < 0;
}
