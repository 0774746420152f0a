/* Whose fault it is that a function failed: that decides what becomes of the event. */
#ifndef WORKERS_BLAME_H
#define WORKERS_BLAME_H

#include <ecom/aws.h>

/* No ecom_code: a consumer tries again, but not without end. */
enum { FUNCTION_FAILED = -1000 };

/* Reads a failure's errorType, or, of an old time-out, its message. @return
 * - the ecom_code it names, as a function on libecom does: what the handler would have returned
 * here;
 * - ECOM_E_UNAVAILABLE: the function could not be started, or not end in time. Whatever it needs
 * may be away: nobody knows, so it is waited for;
 * - FUNCTION_FAILED: anything else, as an exception or a crash: by the event, until it is tried. */
int blame_of(const ecom_aws_answer *answer);

#endif
