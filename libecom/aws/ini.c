#include "aws/ini.h"

#include <string.h>

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static ecom_str trim(ecom_str s)
{
    while (s.n && is_space(*s.p))
        s.p++, s.n--;
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Without the comment behind it. */
static ecom_str uncomment(ecom_str s)
{
    for (size_t i = 1; i < s.n; i++)
        if ((s.p[i] == '#' || s.p[i] == ';') && is_space(s.p[i - 1]))
            return trim((ecom_str){s.p, i});
    return s;
}

static int wrong(int line, const char *what, ecom_error *err)
{
    return ecom_fail(err, ECOM_E_INVAL, "line %d: %s", line, what);
}

static int read_section(ecom_str line, int number, ecom_str *section, ecom_error *err)
{
    line = uncomment(line);
    if (line.n < 3 || line.p[line.n - 1] != ']')
        return wrong(number, "a section without its ]", err);
    *section = trim((ecom_str){line.p + 1, line.n - 2});
    return ECOM_OK;
}

static int read_pair(ecom_str line, int number, ecom_str section, aws_ini_fn fn, void *user,
                     ecom_error *err)
{
    const char *equals = memchr(line.p, '=', line.n);
    ecom_str name = equals ? trim((ecom_str){line.p, (size_t)(equals - line.p)}) : line;

    if (!equals || !name.n)
        return wrong(number, "neither [section] nor name = value", err);
    ecom_str value =
        uncomment(trim((ecom_str){equals + 1, (size_t)(line.p + line.n - equals - 1)}));
    if (value.n > AWS_INI_MAX_VALUE)
        return ecom_fail(err, ECOM_E_TOOLARGE, "line %d: a value of more than %d bytes", number,
                         AWS_INI_MAX_VALUE);
    if (section.p)
        fn(user, section, name, value);
    return ECOM_OK;
}

int ecom__aws_ini_read(ecom_str text, aws_ini_fn fn, void *user, ecom_error *err)
{
    ecom_str section = {NULL, 0};
    int number = 0, r = ECOM_OK;

    if (text.n > AWS_INI_MAX_BYTES)
        return ecom_fail(err, ECOM_E_TOOLARGE, "has more than %d bytes", AWS_INI_MAX_BYTES);
    if (text.n && memchr(text.p, '\0', text.n))
        return ecom_fail(err, ECOM_E_INVAL, "is no text: it holds a NUL");
    while (text.n && r == ECOM_OK) {
        const char *feed = memchr(text.p, '\n', text.n);
        ecom_str raw = {text.p, feed ? (size_t)(feed - text.p) : text.n};
        ecom_str line = trim(raw);
        size_t used = raw.n + (feed != NULL);
        number++;
        text.p += used;
        text.n -= used;
        if (!line.n || *line.p == '#' || *line.p == ';' || is_space(*raw.p))
            continue;
        r = *line.p == '[' ? read_section(line, number, &section, err)
                           : read_pair(line, number, section, fn, user, err);
    }
    return r;
}

int ecom__aws_ini_is_profile(ecom_str section, const char *profile, int in_config)
{
    const size_t n = strlen("profile");

    if (in_config && section.n > n && memcmp(section.p, "profile", n) == 0 &&
        is_space(section.p[n])) {
        section = trim((ecom_str){section.p + n, section.n - n});
        if (section.n >= 2 && *section.p == '"' && section.p[section.n - 1] == '"')
            section = (ecom_str){section.p + 1, section.n - 2};
    } else if (in_config && strcmp(profile, "default") != 0) {
        return 0;
    }
    return ecom_str_eq(section, ecom_str_of(profile));
}
