/* The one place that writes into a caller's error text. */
#include "auth/fail.h"

#include <stdarg.h>
#include <stdio.h>

#include "auth/auth.h"

int fs_auth_fail(char *error, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error, FS_AUTH_ERROR_SIZE, format, args);
    va_end(args);
    return code;
}
