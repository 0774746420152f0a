/* What becomes of an event whose function failed. */
#include "workers/blame.h"
#include "check.h"

static int blame(const char *type, const char *message)
{
    const ecom_aws_answer answer = {.status = 200,
                                    .function_error = S("Unhandled"),
                                    .error_type = ecom_str_of(type),
                                    .error_message = ecom_str_of(message)};

    return blame_of(&answer);
}

static void a_function_on_libecom_says_it_by_the_name_of_a_code(void)
{
    for (int code = ECOM_E_INVAL; code >= ECOM_E_UNKNOWN_TYPE; code--)
        CHECK_I64(code, blame(ecom_code_of(code)->name, "x"));
    CHECK_I64(FUNCTION_FAILED, blame("OK", "x"));
    CHECK_I64(FUNCTION_FAILED, blame("INVALID", "x"));
    CHECK_I64(FUNCTION_FAILED, blame("inval", "x"));
}

static void a_function_that_cannot_start_or_is_late_is_waited_for(void)
{
    static const char *const types[] = {
        "Init.INVAL",
        "Sandbox.Timedout",
        "Sandbox.Failure",
        "Extension.Crash",
        "Function.TimedOut",
        "Runtime.BadFunctionCode",
        "Runtime.HandlerNotFound",
        "Runtime.ImportModuleError",
        "Runtime.InvalidEntrypoint",
        "Runtime.MalformedHandlerName",
        "Runtime.NoSuchHandler",
        "Runtime.UserCodeSyntaxError",
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        CHECK(blame(types[i], "x") == ECOM_E_UNAVAILABLE, "%s", types[i]);
    CHECK_I64(ECOM_E_UNAVAILABLE,
              blame("", "2026-01-01T00:00:00.000Z 8f0c Task timed out after 3.00 seconds"));
}

static void a_crash_and_an_exception_are_the_events(void)
{
    static const char *const types[] = {"Runtime.ExitError",
                                        "Runtime.Crash",
                                        "ValueError",
                                        "Runtime.OutOfMemory",
                                        "Function.ResponseSizeTooLarge",
                                        "Init",
                                        "Sandbox",
                                        ""};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        CHECK(blame(types[i], "x") == FUNCTION_FAILED, "%s", types[i]);
    CHECK_I64(FUNCTION_FAILED, blame("ValueError", "x Task timed out after 3.00 seconds"));
    CHECK_I64(FUNCTION_FAILED, blame("", ""));
    CHECK(ecom_code_of(FUNCTION_FAILED)->retry, "it would be a dead letter at once");
}

static const struct check_case cases[] = {
    CASE(a_function_on_libecom_says_it_by_the_name_of_a_code),
    CASE(a_function_that_cannot_start_or_is_late_is_waited_for),
    CASE(a_crash_and_an_exception_are_the_events),
};
CHECK_MAIN("blame", cases)
