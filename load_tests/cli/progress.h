/* What goes on, live: one redrawn block on a terminal, plain lines elsewhere. */
#ifndef FS_BENCH_CLI_PROGRESS_H
#define FS_BENCH_CLI_PROGRESS_H

#include "run/run.h"

struct fs_progress {
    FILE *out; /* borrowed */
    bool is_terminal;
    bool is_silent;
    unsigned line_count; /* drawn, and to be drawn over */
    uint64_t started_us;
};

/* silent: only notes are said. */
void fs_progress_init(struct fs_progress *progress, FILE *out, bool is_silent);

/* Callbacks of struct fs_run_watch; data: the struct fs_progress. */
void fs_progress_view(void *data, const struct fs_run_view *view);
void fs_progress_cell_end(void *data, const struct fs_record *record);
void fs_progress_note(void *data, const char *text);

/* Removes the block. */
void fs_progress_end(struct fs_progress *progress);

#endif
