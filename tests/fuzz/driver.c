/* Runs a fuzz target without libFuzzer: each file of its corpus as it is, and a fixed number of
 * damaged copies, the same ones every time. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_BYTES = 1 << 20, MUTANTS = 300 };

static uint64_t seed = 1;

static size_t below(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return n ? (size_t)(seed % n) : 0;
}

/* An allocation of exactly that size, so that a sanitizer sees each byte past the end. */
static void run(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);

    if (!copy)
        abort();
    if (n)
        memcpy(copy, data, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

/* One to four changes: a bit turned, a byte set, a piece taken out, the end cut off. */
static void run_mutant(const uint8_t *data, size_t n)
{
    static uint8_t copy[MAX_BYTES];

    memcpy(copy, data, n);
    for (size_t i = 1 + below(4); i > 0 && n > 0; i--) {
        size_t at = below(n), length = 1 + below(n - at);
        switch (below(4)) {
        case 0:
            copy[at] ^= (uint8_t)(1u << below(8));
            break;
        case 1:
            copy[at] = (uint8_t)below(256);
            break;
        case 2:
            memmove(copy + at, copy + at + length, n - at - length);
            n -= length;
            break;
        default:
            n = at;
        }
    }
    run(copy, n);
}

static int run_file(const char *path)
{
    static uint8_t data[MAX_BYTES];
    FILE *file = fopen(path, "rb");

    if (!file)
        return 0;
    size_t n = fread(data, 1, sizeof(data), file);
    fclose(file);
    run(data, n);
    for (int i = 0; i < MUTANTS; i++)
        run_mutant(data, n);
    return 1;
}

int main(int argc, char **argv)
{
    struct dirent **names = NULL;
    char path[4096];
    int n = argc == 2 ? scandir(argv[1], &names, NULL, alphasort) : -1, done = 0, failed = 0;

    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", argv[1], names[i]->d_name);
            int ok = run_file(path);
            printf("%sok %d - %s\n", ok ? "" : "not ", ++done, names[i]->d_name);
            failed |= !ok;
        }
        free(names[i]);
    }
    free(names);
    printf("1..%d\n", done);
    return failed || done == 0;
}
