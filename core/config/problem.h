/* Messages about a configuration: the place, what is wrong, and never a secret. */
#ifndef FS_CONFIG_PROBLEM_H
#define FS_CONFIG_PROBLEM_H

#include <stdarg.h>

#include "base/text.h"
#include "config/config.h"

/* Writes "where: message" (where NULL: the message alone), cleaned, and returns -EINVAL. */
int fs_config_fail(struct fs_config_error *error, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What a value may not contain and a message replaces: control characters, the line and paragraph
 * separators, which YAML takes for ends of lines, and what is no character at all. */
bool fs_config_is_control(uint32_t code);

/* Replaces such characters, and bytes that are not UTF-8, by "?" in place. */
void fs_config_clean(char *text);

/* Mistakes that do not keep the rest from being read: all are told, a line each.  Zero it to init. */
struct fs_config_mistakes {
    char text[FS_CONFIG_ERROR_SIZE];
    size_t len;
    unsigned count;
    unsigned left_out; /* there was no room for them */
};

/* Adds one.  Returns 0, or rc where nothing more can be read (-ENOMEM). */
int fs_config_mistakes_add(struct fs_config_mistakes *mistakes, int rc,
                           const struct fs_config_error *error);

/* rc and error of the last step, and what was added before: returns 0, or a failure that tells all. */
int fs_config_mistakes_end(struct fs_config_mistakes *mistakes, int rc,
                           struct fs_config_error *error);

/* Says that memory ran out and returns -ENOMEM. */
int fs_config_fail_memory(struct fs_config_error *error);

/* Bytes of a text as a message shows it, with the NUL. */
#define FS_CONFIG_SHOWN_SIZE 84

/* Writes text as a message may show it: cut to a line's length between characters.  Returns shown. */
const char *fs_config_show(struct fs_text text, char shown[FS_CONFIG_SHOWN_SIZE]);

/* As above for a value of key: "(set)" for a secret, a URL without user and password. */
const char *fs_config_show_value(const struct fs_config_key *key, struct fs_text text,
                                 char shown[FS_CONFIG_SHOWN_SIZE]);

/* The part of a URL behind its last "@", where no password can be, and the scheme before it.  scheme
 * is empty where text has none; hidden says that something was left out.  Borrowed from text. */
struct fs_config_url_parts {
    struct fs_text scheme; /* "redis://" */
    struct fs_text place;
    bool hidden;
};
struct fs_config_url_parts fs_config_url_split(struct fs_text text);

#endif
