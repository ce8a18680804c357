/* Reads traceparent: "00-<trace id>-<span id>-<flags>". */
#include "http/trace.h"

#include <errno.h>

#define VERSION_LEN 2
#define TRACE_AT (VERSION_LEN + 1)
#define SPAN_AT (TRACE_AT + FS_TRACE_ID_LEN + 1)
#define FLAGS_AT (SPAN_AT + FS_SPAN_ID_LEN + 1)
#define PARENT_LEN (FLAGS_AT + 2) /* bytes of version 00 */

static bool is_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!(text[i] >= '0' && text[i] <= '9') && !(text[i] >= 'a' && text[i] <= 'f'))
            return false;
    return true;
}

static bool is_zero(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] != '0')
            return false;
    return true;
}

static bool is_id(const char *text, size_t len)
{
    return is_hex(text, len) && !is_zero(text, len);
}

/* Version 00 ends after the flags; a later one may go on after a dash; ff is none. */
static bool version_fits(struct fs_text parent)
{
    if (!is_hex(parent.data, VERSION_LEN) || memcmp(parent.data, "ff", VERSION_LEN) == 0)
        return false;
    if (parent.len == PARENT_LEN)
        return true;
    return memcmp(parent.data, "00", VERSION_LEN) != 0 && parent.data[PARENT_LEN] == '-';
}

int fs_trace_parse(struct fs_text parent, struct fs_trace *trace)
{
    const char *at = parent.data;
    char digit;

    if (parent.len < PARENT_LEN || !version_fits(parent))
        return -EINVAL;
    if (at[TRACE_AT - 1] != '-' || at[SPAN_AT - 1] != '-' || at[FLAGS_AT - 1] != '-')
        return -EINVAL;
    if (!is_id(at + TRACE_AT, FS_TRACE_ID_LEN) || !is_id(at + SPAN_AT, FS_SPAN_ID_LEN) ||
        !is_hex(at + FLAGS_AT, 2))
        return -EINVAL;
    digit = at[FLAGS_AT + 1];
    trace->trace_id = (struct fs_text){at + TRACE_AT, FS_TRACE_ID_LEN};
    trace->span_id = (struct fs_text){at + SPAN_AT, FS_SPAN_ID_LEN};
    trace->is_sampled = ((digit <= '9' ? digit - '0' : digit - 'a' + 10) & 1) != 0;
    return 0;
}
