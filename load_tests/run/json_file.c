/* jansson's writing end. */
#include "run/json_file.h"

#include <errno.h>
#include <math.h>

#include "run/whole_file.h"

#define INTEGER_MAX 9007199254740992.0 /* above it a double skips integers */

json_t *fs_json_number(double value)
{
    if (!isfinite(value))
        return json_null();
    if (value == floor(value) && fabs(value) < INTEGER_MAX)
        return json_integer((json_int_t)value);
    return json_real(value);
}

int fs_json_write(const char *folder, const char *name, json_t *value)
{
    struct fs_whole_file whole;
    int rc = value ? fs_whole_file_open(&whole, folder, name) : -ENOMEM;

    if (rc == 0) {
        json_dumpf(value, whole.file, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        fputc('\n', whole.file);
        rc = fs_whole_file_close(&whole);
    }
    json_decref(value);
    return rc;
}
