/* Structured logs of one server: a line a happening, to a sink that the embedder chooses.
 *
 * Log where a failure is handled, once, never on the hot path. */
#ifndef FS_BASE_LOG_H
#define FS_BASE_LOG_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <flashsale/strategy.h> /* enum fs_log_level */

enum fs_log_format { FS_LOG_TEXT = 1, FS_LOG_JSON };

/* Takes one line, NUL-terminated, without a newline; called by any thread, also by several at once.
 * data: as given to init. */
typedef void fs_log_sink(void *data, enum fs_log_level level, const char *line);

struct fs_line_writer;

struct fs_log {
    fs_log_sink *sink;
    void *data;
    struct fs_line_writer *writer; /* borrowed; NULL: lines are written at once */
    enum fs_log_format format;
    _Atomic int level; /* enum fs_log_level; changed by a reload */
};

/* sink NULL: one write(2) a line to standard error.  [main] */
void fs_log_init(struct fs_log *log, enum fs_log_level level, enum fs_log_format format,
                 fs_log_sink *sink, void *data);

/* From now on lines without a sink go through the writer.  [main], while nobody logs */
void fs_log_set_writer(struct fs_log *log, struct fs_line_writer *writer);

/* Lines that the writer has dropped; 0 without one.  [any] */
uint64_t fs_log_dropped(const struct fs_log *log);

void fs_log_set_level(struct fs_log *log, enum fs_log_level level); /* [any] */

/* Text: "2026-11-27T00:00:00.123Z INFO  part: message".  JSON: {"time","level","part","message"}.
 * Lines are cut at FS_LOG_LINE_MAX and then end in "...[cut]"; control characters, line separators,
 * direction marks and invalid UTF-8 are escaped, so that no input can forge a line.  part: a constant
 * word of at most 64 bytes, such as "store".  errno is kept.  [any] */
void fs_log_write(struct fs_log *log, enum fs_log_level level, const char *part, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));
void fs_log_write_va(struct fs_log *log, enum fs_log_level level, const char *part,
                     const char *format, va_list args) __attribute__((format(printf, 4, 0)));

#define fs_log_debug(log, part, ...) fs_log_write(log, FS_LOG_DEBUG, part, __VA_ARGS__)
#define fs_log_info(log, part, ...) fs_log_write(log, FS_LOG_INFO, part, __VA_ARGS__)
#define fs_log_warning(log, part, ...) fs_log_write(log, FS_LOG_WARNING, part, __VA_ARGS__)
#define fs_log_error(log, part, ...) fs_log_write(log, FS_LOG_ERROR, part, __VA_ARGS__)

#endif
