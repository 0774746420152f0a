#include "lambda.h"

#include <stdio.h>
#include <string.h>

static const char help[] = "Usage: ecom lambda serve NAME=BOOTSTRAP...\n"
                           "       ecom lambda invoke NAME [--event FILE]\n\n"
                           "  serve   run functions of AWS Lambda on this machine\n"
                           "  invoke  invoke a function, here or on AWS, and print its result\n\n"
                           "'ecom lambda serve --help' and 'ecom lambda invoke --help' say more.\n";

int cli_lambda(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (strcmp(name, "serve") == 0)
        return lambda_serve(argc - 1, argv + 1);
    if (strcmp(name, "invoke") == 0)
        return lambda_invoke(argc - 1, argv + 1);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return printf("%s", help) < 0;
    if (*name)
        fprintf(stderr, "ecom lambda: no verb '%s'\n\n", name);
    fprintf(stderr, "%s", help);
    return CLI_USAGE;
}
