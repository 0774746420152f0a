/* A server of our own for a test, and raw bytes to and from it. */
#ifndef HTTP_WIRE_H
#define HTTP_WIRE_H

#include "check.h"
#include "ecom/http.h"

/* One connection; reads give up after a minute, which no test waits for when all is well. */
struct wire {
    int fd;
    ecom_buf in; /* received, not yet taken */
};

/* Starts a server on a free port of 127.0.0.1; NULL says why it did not. */
ecom_http_server *wire_serve(ecom_http_options *opts);

int wire_open(struct wire *w, const ecom_http_server *server);
void wire_close(struct wire *w);
/* Closes so that the peer gets a reset. */
void wire_reset(struct wire *w);
void wire_send(struct wire *w, ecom_str bytes);
/* No more will be sent. */
void wire_end(struct wire *w);

/* One response: copied into the buffer. Slices point into it. */
struct wire_answer {
    ecom_buf raw;
    int status;
    ecom_str head, body;
};
/* Takes the next response. @p head: to a HEAD request, without body. Truth: it was there whole. */
int wire_answer(struct wire *w, int head, struct wire_answer *out);
/* Takes the next response, and tells it where it is not this. @param body  nullable: any. */
int wire_next_is(struct wire *w, int status, const char *body);
/* A header of it; p NULL: none. */
ecom_str wire_header(const struct wire_answer *a, const char *name);
void wire_answer_free(struct wire_answer *a);
/* Takes these bytes. Truth: they came, and no others. */
int wire_takes(struct wire *w, ecom_str want);
/* Truth: the peer has closed, and nothing came before that. */
int wire_at_end(struct wire *w);

/* Waits for the peer to break the connection, without reading from it. */
int wire_cut_off(struct wire *w);

/* Sends bytes on a connection of its own; returns the status of the first response, 0: none. */
int wire_status(const ecom_http_server *server, ecom_str bytes);
/* Truth: after these bytes and one response of that status the server closes. */
int wire_refused(const ecom_http_server *server, ecom_str bytes, int status);

#endif
