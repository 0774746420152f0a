/* Answers for the differential tests, a line in, a line out: to a JSON body the response, to a JSON
 * string, which is the text of a schema, `{"sdl": as printed}` or `{"problems": text}`. The first
 * line out is the schema of the bodies. With the argument `parts` the schema has @defer and
 * @stream, and the answer to a body is a list: the response at once, and its parts. */
#include "../unit/graphql_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int say(ecom_buf *out)
{
    int ok = out->p && fwrite(out->p, 1, out->n, stdout) == out->n && putchar('\n') != EOF;

    ecom_buf_free(out);
    return ok;
}

static int put_member(ecom_buf *out, const char *name, const ecom_buf *text)
{
    return ecom_buf_printf(out, "{\"%s\":", name) == ECOM_OK &&
           ecom_json_write_str(out, ecom_buf_str(text)) == ECOM_OK &&
           ecom_buf_append(out, ecom_str_of("}")) == ECOM_OK;
}

static int answer_schema(const char *line, ecom_buf *out)
{
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_arena *arena = ecom_arena_new(0);
    ecom_graphql *g = NULL;
    ecom_buf text = {0};
    const ecom_json *json;
    int ok = arena && ecom_json_parse(ecom_str_of(line), NULL, arena, &json, NULL) == ECOM_OK;

    if (ok) {
        options.sdl = json->text;
        int r = ecom_graphql_new(&options, &g, &text, NULL);
        ok = r == ECOM_OK ? ecom_graphql_print(g, &text) == ECOM_OK : r == ECOM_E_INVAL;
        ok = ok && put_member(out, r == ECOM_OK ? "sdl" : "problems", &text);
    }
    ecom_buf_free(&text);
    ecom_graphql_free(g);
    ecom_arena_free(arena);
    return ok;
}

static ecom_buf answer_parts(ecom_graphql *g, const char *line)
{
    struct world_counts counts = {0}, again = {0};
    ecom_buf out = {0}, whole = world_ask(g, line, &counts, NULL);
    ecom_buf parts = world_parts(g, line, ECOM_GRAPHQL_PARTS, &again);

    if (!whole.p || !parts.p ||
        ecom_buf_printf(&out, "[%.*s,%.*s]", (int)whole.n, whole.p, (int)parts.n, parts.p) < 0)
        ecom_buf_free(&out);
    ecom_buf_free(&whole);
    ecom_buf_free(&parts);
    return out;
}

int main(int argc, char **argv)
{
    const int parts = argc > 1 && strcmp(argv[1], "parts") == 0;
    ecom_graphql *g = parts ? world_open_incremental() : world_open();
    ecom_buf sdl = {0}, quoted = {0};
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    int ok = g && ecom_graphql_print(g, &sdl) == ECOM_OK &&
             ecom_json_write_str(&quoted, ecom_buf_str(&sdl)) == ECOM_OK && say(&quoted);

    while (ok && (n = getline(&line, &size, stdin)) > 0) {
        line[n - 1] = '\0';
        struct world_counts counts = {0};
        ecom_buf out = {0};
        if (line[0] == '"')
            ok = answer_schema(line, &out);
        else if (parts)
            out = answer_parts(g, line);
        else
            out = world_ask(g, line, &counts, NULL);
        ok = ok && say(&out);
    }
    free(line);
    ecom_buf_free(&sdl);
    ecom_graphql_free(g);
    return !ok;
}
