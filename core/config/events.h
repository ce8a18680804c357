/* libyaml's events one at a time, with the places that messages name. */
#ifndef FS_CONFIG_EVENTS_H
#define FS_CONFIG_EVENTS_H

#include <yaml.h>

#include "config/keys.h"

#define FS_CONFIG_WHERE_SIZE 480 /* bytes of "file:line:column"; a longer file name is cut */

struct fs_config_events {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    const char *name;   /* borrowed: what messages call the text */
    struct fs_text text;
    struct fs_config_error *error;
    char where[FS_CONFIG_WHERE_SIZE]; /* the place last asked for */
    size_t count;                     /* events that were made current */
    size_t depth;                     /* maps and lists that have begun and not ended */
    bool is_broken;                   /* there is no next event */
};

/* A key as it was met. */
struct fs_config_met {
    char path[FS_CONFIG_PATH_SIZE]; /* "purchase.deadline"; a longer one is cut */
    const char *name;               /* its last part, in path */
    yaml_mark_t mark;
};

/* name, text, error: borrowed until dispose.  Returns 0 or -ENOMEM. */
int fs_config_events_init(struct fs_config_events *events, const char *name, struct fs_text text,
                          struct fs_config_error *error);
void fs_config_events_dispose(struct fs_config_events *events);

/* Makes the next event the current one; refuses anchors, aliases and tags.  Returns 0, -EINVAL or
 * -ENOMEM. */
int fs_config_events_next(struct fs_config_events *events);

/* Writes a place to events->where and returns it. */
const char *fs_config_events_place(struct fs_config_events *events, yaml_mark_t mark);

/* The current event is an unquoted nothing, ~ or null. */
bool fs_config_events_is_null(const struct fs_config_events *events);

/* "a map", "a list" or "a single value": what the current event begins. */
const char *fs_config_events_form(const struct fs_config_events *events);

/* Takes the current event as a key of a section ("": of the top).  Returns 0 or -EINVAL. */
int fs_config_events_meet(struct fs_config_events *events, const char *section,
                          struct fs_config_met *met);

/* Takes the current event as the single value of path, valid until the next event, and its place as
 * events->where.  Returns 0 or -EINVAL. */
int fs_config_events_scalar(struct fs_config_events *events, const char *path,
                            struct fs_text *text);

#endif
