/* What AWS answers: a first byte for mode and status, headers up to an empty line, then a body,
 * which may also be credentials. */
#include <stdlib.h>
#include <string.h>

#include "aws/answer.h"
#include "aws/chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void read_credentials(ecom_str body, ecom_arena *arena)
{
    struct aws_credentials c;
    int64_t expires;

    if (ecom__aws_credentials_read(body, arena, &c, &expires, NULL) < 0)
        return;
    must(c.key_id.n > 0 && c.secret.n > 0);
    must(!memchr(c.key_id.p, '\n', c.key_id.n) && !memchr(c.secret.p, '\n', c.secret.n));
    must(!c.token.n || !memchr(c.token.p, '\n', c.token.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const int32_t statuses[] = {200, 202, 204, 400, 403, 404, 429, 503};
    struct aws_response response = {0};
    struct aws_verdict verdict;
    ecom_aws_answer answer;
    ecom_error e = {0};

    if (n < 1)
        return 0;
    ecom_arena *arena = ecom_arena_new(0);
    ecom_str text = {(const char *)data + 1, n - 1};
    const char *end = memmem(text.p, text.n, "\n\n", 2);
    size_t head = end ? (size_t)(end - text.p) + 1 : text.n;
    int mode = data[0] % 3;

    response.status = statuses[data[0] / 3 % 8];
    must(arena && ecom_buf_append(&response.head, (ecom_str){text.p, head}) == ECOM_OK);
    if (end)
        must(ecom_buf_append(&response.body, (ecom_str){end + 2, text.n - head - 1}) == ECOM_OK);
    int r = ecom__aws_answer_read(&response, mode, arena, &answer, &verdict, &e);
    must(r == verdict.code);
    must(r != ECOM_OK || (answer.status == response.status && !answer.function_error.n));
    must(r != ECOM_E_BACKEND || answer.function_error.n);
    must(verdict.wait_ms >= 0 && (!verdict.wait_ms || verdict.again));
    must(!strchr(e.text, '\n'));
    read_credentials(ecom_buf_str(&response.body), arena);
    ecom__aws_response_clear(&response);
    ecom_arena_free(arena);
    return 0;
}
