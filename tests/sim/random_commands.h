/* Random commands of the kinds that the strategies and their scripts use, errors included. */
#ifndef FS_TESTS_SIM_RANDOM_COMMANDS_H
#define FS_TESTS_SIM_RANDOM_COMMANDS_H

#include <stdbool.h>

#include <flashsale/strategy.h>

#include "support/random.h"

#define SIM_LINE_WORDS_MAX 96u
#define SIM_LINE_BYTES_MAX 16384u

/* One command. */
struct sim_line {
    size_t argc;
    struct fs_text argv[SIM_LINE_WORDS_MAX]; /* in bytes, or static */
    size_t used;
    char bytes[SIM_LINE_BYTES_MAX];
    bool is_unordered; /* Redis promises no order of what it returns */
    bool is_timed;     /* what it returns depends on the moment: times to live, stream ids */
};

/* now_ms: of the server's clock, about. */
void sim_line_draw(struct sim_line *line, struct fs_random *random, int64_t now_ms);

/* The keys that any command uses, by number; NULL beyond. */
const char *sim_line_key(size_t number);

#endif
