/* AWS's configuration files: sections of `name = value`. */
#ifndef ECOM_AWS_INI_H
#define ECOM_AWS_INI_H

#include "ecom/base.h"

enum { AWS_INI_MAX_BYTES = 1 << 20, AWS_INI_MAX_VALUE = 16 << 10 };

/* One pair: slices of the text. The section as between the brackets, trimmed. */
typedef void (*aws_ini_fn)(void *user, ecom_str section, ecom_str name, ecom_str value);

/* Goes over all pairs. Comments begin with # or ;, behind a value after a space; indented lines
 * (what belongs to the value before) are passed over. @return ECOM_E_INVAL with the line's number;
 * ECOM_E_TOOLARGE. */
int ecom__aws_ini_read(ecom_str text, aws_ini_fn fn, void *user, ecom_error *err);
/* Truth: the section is that of a profile. In ~/.aws/config all but `default` are `profile NAME`.
 */
int ecom__aws_ini_is_profile(ecom_str section, const char *profile, int in_config);

#endif
