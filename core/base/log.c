/* Writes log lines that no input can forge: whatever could end a line, move the cursor of a terminal
 * or turn the direction of text is escaped. */
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/line_writer.h"
#include "base/text.h"

#define SETTLE_US 50000u /* for a reader that has taken lines until now */
#define CUT_MARK "...[cut]"
#define TAIL_LEN (sizeof(CUT_MARK "\"}\n") - 1) /* kept free for the end of a line that is cut */

static const char *const names_for_text[] = {[FS_LOG_DEBUG] = "DEBUG",
                                             [FS_LOG_INFO] = "INFO ",
                                             [FS_LOG_WARNING] = "WARN ",
                                             [FS_LOG_ERROR] = "ERROR"};
static const char *const names_for_json[] = {[FS_LOG_DEBUG] = "debug",
                                             [FS_LOG_INFO] = "info",
                                             [FS_LOG_WARNING] = "warning",
                                             [FS_LOG_ERROR] = "error"};

void fs_log_init(struct fs_log *log, enum fs_log_level level, enum fs_log_format format,
                 fs_log_sink *sink, void *data)
{
    log->sink = sink;
    log->data = data;
    log->writer = NULL;
    log->format = format;
    atomic_init(&log->level, (int)level);
}

void fs_log_set_writer(struct fs_log *log, struct fs_line_writer *writer)
{
    log->writer = writer;
}

uint64_t fs_log_dropped(const struct fs_log *log)
{
    return log->writer ? fs_line_writer_dropped(log->writer) : 0;
}

void fs_log_set_level(struct fs_log *log, enum fs_log_level level)
{
    atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
}

/* Controls of both sets, separators of lines and paragraphs, marks that turn the direction. */
static bool is_forging(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c ||
           (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

static void add_escape(struct fs_buffer *line, enum fs_log_format format, uint32_t code)
{
    if (code == '\n')
        fs_buffer_add(line, FS_TEXT("\\n"));
    else if (code == '\r')
        fs_buffer_add(line, FS_TEXT("\\r"));
    else if (code == '\t')
        fs_buffer_add(line, FS_TEXT("\\t"));
    else if (format == FS_LOG_TEXT && code < 0x80)
        fs_buffer_add_format(line, "\\x%02x", (unsigned)code);
    else
        fs_buffer_add_format(line, "\\u%04x", (unsigned)code);
}

/* Adds the first character of text, or its first byte where that is none; returns its length. */
static size_t add_character(struct fs_buffer *line, enum fs_log_format format, struct fs_text text)
{
    uint32_t code = 0;
    size_t len = fs_text_utf8_first(text, &code);

    if (len == 0 && format == FS_LOG_JSON)
        fs_buffer_add(line, FS_TEXT("\\ufffd"));
    else if (len == 0)
        fs_buffer_add_format(line, "\\x%02x", (unsigned)(unsigned char)*text.data);
    else if (is_forging(code))
        add_escape(line, format, code);
    else if (code == '\\' || (code == '"' && format == FS_LOG_JSON))
        fs_buffer_add(line, (struct fs_text){(char[]){'\\', *text.data}, 2});
    else
        fs_buffer_add(line, (struct fs_text){text.data, len});
    return len ? len : 1;
}

static void add_head(struct fs_buffer *line, enum fs_log_format format, enum fs_log_level level,
                     const char *part)
{
    char time[FS_CLOCK_TEXT_SIZE];

    fs_clock_format(fs_clock_wall_ms(), time);
    if (format == FS_LOG_JSON)
        fs_buffer_add_format(line,
                             "{\"time\":\"%s\",\"level\":\"%s\",\"part\":\"%.64s\",\"message\":\"",
                             time, names_for_json[level], part);
    else
        fs_buffer_add_format(line, "%s %s %.64s: ", time, names_for_text[level], part);
}

static void add_message(struct fs_buffer *line, enum fs_log_format format, struct fs_text message)
{
    line->capacity -= TAIL_LEN;
    while (message.len > 0 && !line->overflowed) {
        size_t len = add_character(line, format, message);

        message.data += len;
        message.len -= len;
    }
    line->capacity += TAIL_LEN;
    if (line->overflowed) {
        line->overflowed = false;
        fs_buffer_add(line, FS_TEXT(CUT_MARK));
    }
}

/* A line is shorter than PIPE_BUF, so that one write is whole also where several write to a pipe. */
static void write_line(struct fs_log *log, enum fs_log_level level, const char *line, size_t len)
{
    if (log->writer) {
        fs_line_writer_add(log->writer, (struct fs_text){line, len});
        if (level == FS_LOG_ERROR) /* the process may end with the next statement */
            fs_line_writer_settle(log->writer, SETTLE_US);
        return;
    }
    while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
        ;
}

void fs_log_write_va(struct fs_log *log, enum fs_log_level level, const char *part,
                     const char *format, va_list args)
{
    int error = errno; /* callers log before they return it */
    char message[FS_LOG_LINE_MAX];
    char line[FS_LOG_LINE_MAX + 1];
    struct fs_buffer buffer = fs_buffer_of(line, FS_LOG_LINE_MAX);
    size_t message_len;
    int len;

    assert(level >= FS_LOG_DEBUG && level <= FS_LOG_ERROR);
    if ((int)level < atomic_load_explicit(&log->level, memory_order_relaxed))
        return;
    len = vsnprintf(message, sizeof(message), format, args);
    if (len < 0)
        message_len = (size_t)snprintf(message, sizeof(message), "(not printable: %s)", format);
    else
        message_len = (size_t)len;
    /* What is cut here is cut anyway: the head needs room in the line too. */
    if (message_len >= sizeof(message))
        message_len = sizeof(message) - 1;

    add_head(&buffer, log->format, level, part);
    add_message(&buffer, log->format, (struct fs_text){message, message_len});
    if (log->format == FS_LOG_JSON)
        fs_buffer_add(&buffer, FS_TEXT("\"}"));
    line[buffer.len] = '\0';
    if (log->sink) {
        log->sink(log->data, level, line);
    } else {
        line[buffer.len] = '\n';
        write_line(log, level, line, buffer.len + 1);
    }
    errno = error;
}

void fs_log_write(struct fs_log *log, enum fs_log_level level, const char *part, const char *format,
                  ...)
{
    va_list args;

    va_start(args, format);
    fs_log_write_va(log, level, part, format, args);
    va_end(args);
}
