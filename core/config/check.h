/* Rules that concern several keys. */
#ifndef FS_CONFIG_CHECK_H
#define FS_CONFIG_CHECK_H

#include "config/builder.h"

/* config: what builder resolves to.  Returns 0 or -EINVAL; the message begins with the origin of the
 * key to change. */
int fs_config_check(const struct fs_config_builder *builder, const struct fs_config *config,
                    struct fs_config_error *error);

#endif
