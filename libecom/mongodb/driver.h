/* The driver, and all that differs between its versions: 1.23 and later, and 2.x. */
#ifndef ECOM_MONGODB_DRIVER_H
#define ECOM_MONGODB_DRIVER_H

#include <mongoc/mongoc.h>

/* From 2.0 on the name warns of elements that are named by hand, as ours are. */
#if BSON_CHECK_VERSION(2, 0, 0)
#define ecom__bson_array_begin bson_append_array_unsafe_begin
#else
#define ecom__bson_array_begin bson_append_array_begin
#endif

#endif
