/* The manifest of the data folder: whose sale data it belongs to, and by which options that is read.
 *
 * One line in the file "manifest" of the folder:
 *
 *     flashsale-data 1 ID FAMILY PLACE PREFIX
 *
 * ID and FAMILY are those of store/identity.h; PLACE is "local" for a strategy that keeps its sales in
 * this process or folder, "private/N" for N private Redis servers below it, "redis/N" for N servers and
 * "redis/cluster" for a cluster.  " (unused)" behind it: no sale was ever made. */
#ifndef FS_SERVER_MANIFEST_H
#define FS_SERVER_MANIFEST_H

#include <stdbool.h>

#include <flashsale/flashsale.h>

#include "store/identity.h"

/* What this start would make of the folder, and what was found in it. */
struct fs_manifest {
    char id[FS_DATA_ID_LEN + 1]; /* "": none yet */
    char family[32];
    char place[32];
    char prefix[80];
    bool is_there; /* the file */
    bool is_used;
};

/* Reads the manifest of the folder and compares it with what is wanted (family, place and prefix set):
 * id and is_used are filled in.  strategy: its name, for people.  Returns 0, -EINVAL with a sentence
 * that says what is different and which command helps, or -EIO.  [main] */
int fs_manifest_check(const char *data_dir, const char *strategy, struct fs_manifest *wanted,
                      struct fs_error *error);

/* Writes it, whole and on disk, or not at all.  Returns 0 or a negative errno with a sentence.
 * [main] */
int fs_manifest_write(const char *data_dir, const struct fs_manifest *manifest,
                      struct fs_error *error);

/* Whether the folder holds a journal or private Redis servers.  [main] */
bool fs_manifest_has_data(const char *data_dir);

#endif
