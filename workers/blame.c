#include "blame.h"

#include <string.h>

/* How errorTypes begin that say nothing of the event. */
static const char *const not_its_own[] = {
    "Init.", /* ours, of a start that failed */
    "Sandbox.",
    "Extension.",
    "Function.TimedOut",
    "Runtime.BadFunctionCode",
    "Runtime.HandlerNotFound",
    "Runtime.ImportModuleError",
    "Runtime.InvalidEntrypoint",
    "Runtime.MalformedHandlerName",
    "Runtime.NoSuchHandler",
    "Runtime.UserCodeSyntaxError",
};

static int begins_with(ecom_str text, const char *start)
{
    const size_t n = strlen(start);

    return text.n >= n && memcmp(text.p, start, n) == 0;
}

/* "2026-01-01T00:00:00.000Z 8f0c... Task timed out after 3.00 seconds", with no type beside it. */
static int is_old_time_out(const ecom_aws_answer *answer)
{
    static const char words[] = " Task timed out after ";

    return !answer->error_type.n && answer->error_message.n &&
           memmem(answer->error_message.p, answer->error_message.n, words, sizeof(words) - 1);
}

int blame_of(const ecom_aws_answer *answer)
{
    for (int code = ECOM_E_INVAL; code >= ECOM_E_UNKNOWN_TYPE; code--)
        if (ecom_str_eq(answer->error_type, ecom_str_of(ecom_code_of(code)->name)))
            return code;
    for (size_t i = 0; i < sizeof(not_its_own) / sizeof(not_its_own[0]); i++)
        if (begins_with(answer->error_type, not_its_own[i]))
            return ECOM_E_UNAVAILABLE;
    return is_old_time_out(answer) ? ECOM_E_UNAVAILABLE : FUNCTION_FAILED;
}
