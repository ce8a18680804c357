/* Reads the options of a strategy: every value is checked, and an unknown name is an error. */
#ifndef FS_LEDGER_OPTIONS_H
#define FS_LEDGER_OPTIONS_H

#include <flashsale/strategy.h>

struct fs_ledger_option {
    const char *name;
    uint32_t *value;          /* where it goes */
    const char *const *words; /* NULL-terminated: value becomes the index of the word given */
    uint32_t min, max;        /* of a number */
};

/* Returns 0, or -EINVAL after logging a sentence that says what is accepted.  [main] */
int fs_ledger_options_read(const struct fs_host *host, const char *strategy,
                           const struct fs_options *given, const struct fs_ledger_option *known,
                           size_t known_count);

#endif
