/* "Did you mean ...?" */
#ifndef FS_CLI_SUGGEST_H
#define FS_CLI_SUGGEST_H

#include <stddef.h>

/* The nearest of count words to typed, when it is near enough to be what was meant; else NULL.
 * words: borrowed. */
const char *fs_cli_suggest(const char *typed, const char *const *words, size_t count);

#endif
