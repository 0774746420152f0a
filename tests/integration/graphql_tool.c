/* Answers GraphQL requests for the differential test: a JSON body a line in, a response a line out;
 * the first line out is the schema, as a JSON string. */
#include "../unit/graphql_world.h"

#include <stdio.h>
#include <stdlib.h>

static int say(ecom_buf *out)
{
    int ok = out->p && fwrite(out->p, 1, out->n, stdout) == out->n && putchar('\n') != EOF;

    ecom_buf_free(out);
    return ok;
}

int main(void)
{
    ecom_graphql *g = world_open();
    ecom_buf sdl = {0}, quoted = {0};
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    int ok = g && ecom_graphql_print(g, &sdl) == ECOM_OK &&
             ecom_json_write_str(&quoted, ecom_buf_str(&sdl)) == ECOM_OK && say(&quoted);

    while (ok && (n = getline(&line, &size, stdin)) > 0) {
        line[n - 1] = '\0';
        struct world_counts counts = {0};
        ecom_buf out = world_ask(g, line, &counts, NULL);
        ok = say(&out);
    }
    free(line);
    ecom_buf_free(&sdl);
    ecom_graphql_free(g);
    return !ok;
}
