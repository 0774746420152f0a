/* Our server answering a constant: what is held against the floor. Prints its port. */
#include <ecom/http.h>

#include <signal.h>
#include <stdio.h>

static int constant(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user;
    (void)err;
    return ecom_buf_append(ecom_exchange_out(x), ecom_str_of("{\"status\":\"ok\"}"));
}

int main(void)
{
    const ecom_route route = {
        .method = "GET", .pattern = "/", .handle = constant, .flags = ECOM_ROUTE_ON_LOOP};
    const ecom_http_options opts = {
        .size = sizeof(opts), .name = "bench", .version = "0", .routes = &route, .nroutes = 1};
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
    return 0;
}
