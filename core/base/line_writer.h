/* Writes lines to a descriptor by a thread of its own, so that no caller ever waits for the reader.
 *
 * An event loop that writes to a pipe stands still when the reader of the pipe does.  Callers put their
 * lines into a bounded buffer; the thread writes them.  A line that finds the buffer full is dropped and
 * counted, and so is a line that the descriptor refuses (full disk, reader gone). */
#ifndef FS_BASE_LINE_WRITER_H
#define FS_BASE_LINE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct fs_line_writer;

/* Reports lines that were dropped since the last report; error: the errno that dropped the last of
 * them, 0 where the buffer was full.  Called on the writer's thread, at most once a second; may add
 * lines to this or another writer. */
typedef void fs_line_writer_report(void *data, uint64_t dropped, int error);

/* fd: borrowed until destroy.  capacity: bytes of lines that may wait; twice as many are reserved.
 * report: NULL, or called with data.  Returns 0, -ENOMEM or -EAGAIN (no thread).  [main] */
int fs_line_writer_create(int fd, size_t capacity, fs_line_writer_report *report, void *data,
                          struct fs_line_writer **writer);

/* Adds one line, of which the newline is part.  Never waits for the descriptor.  False: the line was
 * dropped and counted.  [any] */
bool fs_line_writer_add(struct fs_line_writer *writer, struct fs_text line);

uint64_t fs_line_writer_dropped(const struct fs_line_writer *writer); /* since create.  [any] */

/* Waits until all lines added before are written or dropped, or until no line was written for
 * patience_us.  Returns whether all are.  [any but a loop] */
bool fs_line_writer_flush(struct fs_line_writer *writer, uint64_t patience_us);

/* As flush, for the last words of a process that may be about to end: does not wait where the descriptor
 * is known to take nothing, and remembers when it took nothing.  [any] */
void fs_line_writer_settle(struct fs_line_writer *writer, uint64_t patience_us);

/* Ends the thread, also when it is stuck in a write; lines not written are lost.  NULL: nothing.  [main] */
void fs_line_writer_destroy(struct fs_line_writer *writer);

#endif
