/* One connection of the client. */
#ifndef ECOM_HTTP_LINK_H
#define ECOM_HTTP_LINK_H

#include "ecom/http.h"
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
/* Sends a request and receives the response. @param head  the request was HEAD.
 * @return ECOM_E_UNAVAILABLE; ECOM_E_TIMEOUT; ECOM_E_TOOLARGE; ECOM_E_NOMEM. */
int ecom__http_link_call(struct link *link, ecom_str request, ecom_str body, int head,
                         uint32_t max_bytes, const struct deadline *deadline, ecom_arena *arena,
                         ecom_http_answer *out, struct attempt *attempt, ecom_error *err);
void ecom__http_link_close(struct link *link);

#endif
