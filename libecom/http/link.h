/* One connection of the client. */
#ifndef ECOM_HTTP_LINK_H
#define ECOM_HTTP_LINK_H

#include "ecom/http.h"
#include "http/answer.h"
#include "http/url.h"

/* Until when something may take. */
struct deadline {
    const ecom_env *env;
    int64_t until_us; /* by the environment's monotonic clock */
};

struct link {
    struct link *next;
    int fd;
    int reused;       /* there were calls on it before */
    int64_t since_us; /* idle */
    ecom_buf in;      /* received */
    char address[];   /* host and port as the URL has them, NUL-terminated */
};

/* What became of a call on it, whatever the result. */
struct attempt {
    int sent;       /* a byte left us */
    int received;   /* a byte came back */
    int keep_alive; /* it may be used again */
};

int64_t ecom__http_deadline_left_ms(const struct deadline *deadline);
/* Connects, trying the addresses of the host in turn.
 * @return ECOM_E_UNAVAILABLE; ECOM_E_TIMEOUT; ECOM_E_NOMEM. */
int ecom__http_link_open(const struct url *url, const struct deadline *deadline, struct link **out,
                         ecom_error *err);
/* Truth: nothing came on it while it was idle, not even its end. */
int ecom__http_link_is_fresh(const struct link *link);
/* Sends head and body. The peer may answer, and end, before it has it all: ECOM_E_UNAVAILABLE with
 * attempt->sent.
 * @return ECOM_E_UNAVAILABLE; ECOM_E_TIMEOUT. */
int ecom__http_link_send(struct link *link, ecom_str request, ecom_str body,
                         const struct deadline *deadline, struct attempt *attempt, ecom_error *err);
/* Receives what is there of the response.
 * @return ECOM_OK: it is whole; ECOM_E_TIMEOUT: more must come; ECOM_E_UNAVAILABLE;
 * ECOM_E_TOOLARGE; ECOM_E_NOMEM. */
int ecom__http_link_receive(struct link *link, struct answer *a, struct attempt *attempt,
                            ecom_error *err);
void ecom__http_link_close(struct link *link);

#endif
