/* The layers of a configuration being gathered, weakest first. */
#ifndef FS_CONFIG_BUILDER_H
#define FS_CONFIG_BUILDER_H

#include "config/layer.h"

enum fs_config_source {
    FS_CONFIG_FROM_DEFAULT,
    FS_CONFIG_FROM_FILE,
    FS_CONFIG_FROM_ENVIRONMENT,
    FS_CONFIG_FROM_FLAG
};
#define FS_CONFIG_SOURCE_COUNT 4

struct fs_config_builder {
    struct fs_config_layer layers[FS_CONFIG_SOURCE_COUNT];
    char *file;   /* owned: what a reload reads again; NULL: nothing */
    char *source; /* owned: what was read, for the start-up; NULL: nothing */
};

/* What the strongest source says of key; the default layer says something of every key. */
const struct fs_config_entry *fs_config_builder_entry(const struct fs_config_builder *builder,
                                                      const struct fs_config_key *key);

#endif
