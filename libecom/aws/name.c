#include "aws/name.h"

#include <stdio.h>
#include <string.h>

enum { MAX_PARTS = 8, MAX_NAME = 64, MAX_QUALIFIER = 128, ACCOUNT_DIGITS = 12 };

static int is_word(ecom_str s, size_t max, const char *also)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z') &&
            !(c && strchr(also, c)))
            return 0;
    }
    return s.n >= 1 && s.n <= max;
}

static int is_account(ecom_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return 0;
    return s.n == ACCOUNT_DIGITS;
}

static int is_qualifier(ecom_str s)
{
    return ecom_str_eq(s, ecom_str_of("$LATEST")) || is_word(s, MAX_QUALIFIER, "-_");
}

int ecom__aws_region_valid(ecom_str region)
{
    return is_word(region, AWS_MAX_REGION, "-");
}

/* Split at the colons. @return how many parts; -1: too many. */
static int split(const char *text, ecom_str parts[MAX_PARTS])
{
    int n = 0;

    for (;;) {
        size_t length = strcspn(text, ":");
        if (n == MAX_PARTS)
            return -1;
        parts[n++] = (ecom_str){text, length};
        if (!text[length])
            return n;
        text += length + 1;
    }
}

/* How many parts stand before the name: 0, 2 of a partial ARN, 6 of a full one; -1: neither. */
static int parts_before(const ecom_str *parts, int n)
{
    if (n <= 2)
        return 0;
    if (n <= 4)
        return is_account(parts[0]) && ecom_str_eq(parts[1], ecom_str_of("function")) ? 2 : -1;
    return n >= 7 && ecom_str_eq(parts[0], ecom_str_of("arn")) && is_word(parts[1], 32, "-") &&
                   ecom_str_eq(parts[2], ecom_str_of("lambda")) &&
                   ecom__aws_region_valid(parts[3]) && is_account(parts[4]) &&
                   ecom_str_eq(parts[5], ecom_str_of("function"))
               ? 6
               : -1;
}

int ecom__aws_function_parse(const char *text, struct aws_function *out, ecom_error *err)
{
    ecom_str parts[MAX_PARTS];
    int n =
        text && strnlen(text, AWS_MAX_FUNCTION + 1) <= AWS_MAX_FUNCTION ? split(text, parts) : -1;
    int before = n < 0 ? -1 : parts_before(parts, n);

    if (before < 0 || n - before > 2 || !is_word(parts[before], MAX_NAME, "-_") ||
        (n - before == 2 && !is_qualifier(parts[before + 1])))
        return ecom_fail_field(err, ECOM_E_INVAL, "function",
                               "must be a name, ACCOUNT:function:NAME or an ARN of AWS "
                               "Lambda, with :VERSION or :ALIAS or without");
    *out = (struct aws_function){
        .name = {text, (size_t)(parts[before].p + parts[before].n - text)},
        .qualifier = n - before == 2 ? parts[before + 1] : (ecom_str){NULL, 0},
        .region = before == 6 ? parts[3] : (ecom_str){NULL, 0},
    };
    return ECOM_OK;
}

int ecom__aws_endpoint_parse(const char *text, struct aws_endpoint *out, ecom_error *err)
{
    size_t scheme = strncmp(text, "http://", 7) == 0    ? 7
                    : strncmp(text, "https://", 8) == 0 ? 8
                                                        : 0;
    size_t n = strnlen(text, sizeof(out->base));

    if (scheme && n > scheme && text[n - 1] == '/')
        n--;
    if (!scheme || n == scheme || n - scheme > AWS_MAX_HOST ||
        !is_word((ecom_str){text + scheme, n - scheme}, AWS_MAX_HOST, "-_.:[]"))
        return ecom_fail_field(err, ECOM_E_INVAL, "endpoint",
                               "must be http:// or https:// and a host, perhaps with a "
                               "port, and no path");
    memcpy(out->base, text, n);
    out->base[n] = '\0';
    out->host = out->base + scheme;
    return ECOM_OK;
}

void ecom__aws_endpoint_of(ecom_str region, struct aws_endpoint *out)
{
    int china = region.n > 3 && memcmp(region.p, "cn-", 3) == 0;

    snprintf(out->base, sizeof(out->base), "https://lambda.%.*s.amazonaws.com%s", (int)region.n,
             region.p, china ? ".cn" : "");
    out->host = out->base + 8;
}

int ecom__aws_encode(ecom_buf *out, ecom_str text)
{
    int r = ECOM_OK;

    for (size_t i = 0; r == ECOM_OK && i < text.n; i++) {
        ecom_str c = {text.p + i, 1};
        r = is_word(c, 1, "-_.~") ? ecom_buf_append(out, c)
                                  : ecom_buf_printf(out, "%%%02X", (unsigned char)*c.p);
    }
    return r;
}
