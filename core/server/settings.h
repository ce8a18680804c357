/* What an embedder has set: flashsale.h's view of config's builder. */
#ifndef FS_SERVER_SETTINGS_H
#define FS_SERVER_SETTINGS_H

#include <flashsale/flashsale.h>

#include "config/config.h"

/* Gives the checked configuration.  Returns 0, -EINVAL or -ENOMEM with a sentence in error. */
int fs_settings_finish(const struct fs_settings *settings, struct fs_config **config,
                       struct fs_error *error);

/* Returns 0 or -ENOMEM. */
int fs_settings_copy(const struct fs_settings *settings, struct fs_settings **copy);

/* Gives settings with the file as it is now, and what they amount to.  Returns 0, -EINVAL, -ENOMEM
 * or what the file says, with a sentence in error. */
int fs_settings_reread(const struct fs_settings *settings, struct fs_settings **reread,
                       struct fs_config **config, struct fs_error *error);

/* Writes the text to error, cut to its size; error may be NULL.  Returns code. */
int fs_error_set(struct fs_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
