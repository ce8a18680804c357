/* The trace that a request belongs to, so that its line in the log is found from the tracer. */
#ifndef FS_HTTP_TRACE_H
#define FS_HTTP_TRACE_H

#include "base/text.h"

#define FS_TRACE_ID_LEN 32 /* lower-case hexadecimal digits */
#define FS_SPAN_ID_LEN 16

struct fs_trace {
    struct fs_text trace_id; /* borrowed from the header */
    struct fs_text span_id;  /* of the caller */
    bool is_sampled;
};

/* Reads a traceparent header's value: version 00, and later ones as far as they begin like it.
 * Returns 0; -EINVAL where it is malformed, and the request then belongs to no trace.
 * Source: W3C Trace Context, 3.2.  [any] */
int fs_trace_parse(struct fs_text traceparent, struct fs_trace *trace);

#endif
