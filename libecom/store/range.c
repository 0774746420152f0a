#include "store/range.h"

#include <string.h>

/* Above every id that is allowed. */
static const ecom_str highest_id = {"\x7F", 1};

/* @return to, or what is above every value that is allowed. */
static ecom_str value_end(ecom__range *range, ecom_str to)
{
    if (to.n)
        return to;
    memset(range->bytes, 0xFF, sizeof(range->bytes));
    return (ecom_str){range->bytes, sizeof(range->bytes)};
}

static int pair_cmp(ecom_str value, ecom_str id, ecom_str value2, ecom_str id2)
{
    int r = ecom_str_cmp(value, value2);

    return r ? r : ecom_str_cmp(id, id2);
}

/* The smallest string above @p id that sorts below every longer id that begins with it. */
static ecom_str just_above(ecom__range *range, ecom_str id)
{
    memcpy(range->bytes, id.p, id.n);
    range->bytes[id.n] = 1;
    return (ecom_str){range->bytes, id.n + 1};
}

static void by_id(const ecom_query *q, ecom__range *range)
{
    ecom_str after = q->after_id;

    range->value = (ecom_str){"", 0};
    if (q->descending) {
        range->last = q->from;
        range->id = q->to.n ? just_above(range, q->to) : highest_id;
        if (after.n && ecom_str_cmp(after, range->id) < 0)
            range->id = after;
    } else {
        range->last = q->to.n ? q->to : highest_id;
        range->id = q->from;
        if (after.n && ecom_str_cmp(after, q->from) >= 0)
            range->id = just_above(range, after);
    }
}

void ecom__range_of(const ecom_query *q, ecom__range *range)
{
    if (q->index.n == 0) {
        by_id(q, range);
        return;
    }
    range->value = q->descending ? value_end(range, q->to) : q->from;
    range->id = q->descending ? highest_id : (ecom_str){"", 0};
    range->last = q->descending ? q->from : value_end(range, q->to);
    int r = pair_cmp(q->after_value, q->after_id, range->value, range->id);
    if (q->after_id.n && (q->descending ? r < 0 : r > 0)) {
        range->value = q->after_value;
        range->id = q->after_id;
    }
}
