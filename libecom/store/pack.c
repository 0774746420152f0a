#include "store/pack.h"

#include <stdlib.h>

enum { HEAD = 4, FLAG = 0x8000, FEW = 16 };

static void write_u16(unsigned char *p, size_t n)
{
    p[0] = (unsigned char)n;
    p[1] = (unsigned char)(n >> 8);
}

static size_t read_u16(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    return u[0] | (size_t)u[1] << 8;
}

int ecom__pack_add(ecom_buf *buf, ecom_str a, ecom_str b, int flag)
{
    unsigned char head[HEAD];

    write_u16(head, a.n | (flag ? FLAG : 0));
    write_u16(head + 2, b.n);
    if (ecom_buf_reserve(buf, HEAD + a.n + b.n) < 0 ||
        ecom_buf_append(buf, (ecom_str){(const char *)head, HEAD}) < 0 ||
        ecom_buf_append(buf, a) < 0)
        return ECOM_E_NOMEM;
    return ecom_buf_append(buf, b);
}

int ecom__pack_next(ecom_str *rest, ecom_str *a, ecom_str *b, int *flag)
{
    if (rest->n == 0)
        return 0;
    if (rest->n < HEAD)
        return ECOM_E_CORRUPT;
    size_t na = read_u16(rest->p), nb = read_u16(rest->p + 2);
    *flag = (na & FLAG) != 0;
    na &= FLAG - 1;
    if (rest->n - HEAD < na + nb)
        return ECOM_E_CORRUPT;
    *a = (ecom_str){rest->p + HEAD, na};
    *b = (ecom_str){rest->p + HEAD + na, nb};
    *rest = (ecom_str){rest->p + HEAD + na + nb, rest->n - HEAD - na - nb};
    return 1;
}

static int same_entry(const ecom_entry *a, const ecom_entry *b)
{
    return ecom_str_eq(a->index, b->index) && ecom_str_eq(a->value, b->value);
}

/* Of two that are the same, the unique one comes first, and stays. */
static int entry_cmp(const void *a, const void *b)
{
    const ecom_entry *x = *(const ecom_entry *const *)a, *y = *(const ecom_entry *const *)b;
    int r = ecom_str_cmp(x->index, y->index);

    r = r ? r : ecom_str_cmp(x->value, y->value);
    return r ? r : !x->unique - !y->unique;
}

static size_t packed_bytes(const ecom_change *change)
{
    size_t n = 0;

    for (size_t i = 0; i < change->nentries; i++)
        n += HEAD + change->entries[i].index.n + change->entries[i].value.n;
    return n;
}

int ecom__pack_entries(const ecom_change *change, ecom_buf *out)
{
    const ecom_entry *few[FEW], **sorted = few;
    size_t n = change->nentries;
    int r;

    if (n == 0)
        return ECOM_OK;
    if ((r = ecom_buf_reserve(out, packed_bytes(change))) < 0)
        return r;
    if (n > FEW && !(sorted = malloc(n * sizeof(*sorted))))
        return ECOM_E_NOMEM;
    for (size_t i = 0; i < n; i++)
        sorted[i] = &change->entries[i];
    qsort(sorted, n, sizeof(*sorted), entry_cmp);
    for (size_t i = 0; r == ECOM_OK && i < n; i++)
        if (i == 0 || !same_entry(sorted[i - 1], sorted[i]))
            r = ecom__pack_add(out, sorted[i]->index, sorted[i]->value, sorted[i]->unique);
    if (sorted != few)
        free(sorted);
    return r;
}

int ecom__pack_next_entry(ecom_str *rest, ecom_entry *entry)
{
    return ecom__pack_next(rest, &entry->index, &entry->value, &entry->unique);
}

int ecom__pack_headers(const ecom_msg *msg, ecom_buf *out)
{
    int r = ECOM_OK;

    for (size_t i = 0; r == ECOM_OK && i < msg->nheaders; i++)
        r = ecom__pack_add(out, msg->headers[i].name, msg->headers[i].value, 0);
    return r;
}
