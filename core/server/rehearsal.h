/* A data folder for a rehearsal of a start: inside of the one that a start would use, or made with it, so
 * that what a start could not write is found, and no other place needs to be writable. */
#ifndef FS_SERVER_REHEARSAL_H
#define FS_SERVER_REHEARSAL_H

#include <stdbool.h>

#include "config/config.h"
#include "server/settings.h"

struct fs_rehearsal {
    char *wanted;     /* owned: data_dir as it is configured */
    char *folder;     /* owned; NULL: there is none */
    char *access_log; /* owned: a file that the rehearsal makes; NULL: none */
    bool made_wanted; /* the data folder was not there */
};

/* Gives config the folder as its data_dir, and the files of the real one where it has them.  Returns 0, or
 * a negative errno with a sentence; then, too, it is to be ended, and data_dir names what cannot be
 * used.  [main] */
int fs_rehearsal_begin(struct fs_rehearsal *rehearsal, struct fs_config *config,
                       struct fs_error *error);
void fs_rehearsal_end(struct fs_rehearsal *rehearsal); /* removes what was made.  [main] */

/* Names the real folder where a message names the rehearsal's. */
void fs_rehearsal_rename(const struct fs_rehearsal *rehearsal, char *message);

#endif
