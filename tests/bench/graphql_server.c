/* The shop in memory over HTTP, as the peers serve it: POST /graphql. Prints its port. */
#include "graphql_shop.h"

#include <ecom/http.h>

#include <signal.h>
#include <stdio.h>

static int serve(void *user, ecom_exchange *x, ecom_error *err)
{
    const ecom_graphql_http http = {
        .size = sizeof(http),
        .method = ecom_exchange_method(x),
        .query = ecom_exchange_query(x),
        .content_type = ecom_exchange_header(x, "content-type"),
        .accept = ecom_exchange_header(x, "accept"),
        .body = ecom_exchange_body(x),
    };
    ecom_graphql_http_answer answer;
    int r = ecom_graphql_handle_http(user, &http, NULL, ecom_exchange_arena(x),
                                     ecom_exchange_out(x), &answer, err);

    if (r < 0)
        return r;
    ecom_exchange_set_status(x, answer.status);
    return ecom_exchange_add_header(x, "Content-Type", ecom_str_of(answer.content_type));
}

int main(void)
{
    ecom_graphql *graphql = bench_shop_open();
    /* Nothing in it waits, so that no thread need be woken for a request. */
    const ecom_route route = {
        .method = "POST", .pattern = "/graphql", .handle = serve, .flags = ECOM_ROUTE_ON_LOOP};
    const ecom_http_options opts = {.size = sizeof(opts),
                                    .name = "bench",
                                    .version = "0",
                                    .routes = &route,
                                    .nroutes = 1,
                                    .user = graphql};
    ecom_http_server *server = NULL;
    ecom_error e;
    sigset_t stop;
    int got;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    if (ecom_http_server_new(&opts, &server, &e) < 0 || ecom_http_server_start(server, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    printf("%d\n", (int)ecom_http_server_port(server));
    fflush(stdout);
    sigwait(&stop, &got);
    ecom_http_server_free(server);
    ecom_graphql_free(graphql);
    return 0;
}
