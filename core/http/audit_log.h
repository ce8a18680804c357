/* <data_dir>/audit.log: one JSON line for each change that an operator asked of a sale. */
#ifndef FS_HTTP_AUDIT_LOG_H
#define FS_HTTP_AUDIT_LOG_H

#include "base/log.h"
#include "base/text.h"

/* Appends line, which ends with a newline, by one write.  The file is opened each time, so that it may be
 * moved away at any time; it is made with mode 0600.  A failure is logged with the line.  [loop] */
void fs_audit_log_write(struct fs_log *log, const char *path, struct fs_text line);

#endif
