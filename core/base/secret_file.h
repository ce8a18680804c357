/* Makes the file of a new secret so that no crash and no second start can spoil it. */
#ifndef FS_BASE_SECRET_FILE_H
#define FS_BASE_SECRET_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Makes path with these bytes when there is no such file.  It has mode 0600 and appears whole and on
 * disk, or not at all, also after a crash; of several processes at once one makes it.  *made tells
 * whether this call did.
 * Returns 0, or a negative errno: -ENAMETOOLONG, -ENOENT (no such folder), -EACCES, -ENOSPC, -EIO or
 * another of open(2), write(2), fsync(2), link(2).  [any] */
int fs_secret_file_make(const char *path, const char *data, size_t len, bool *made);

/* Whether every user of the machine may read an open file that was found by path: it is world-readable,
 * each folder above it lets others pass, and it is on no file system in memory, which is how
 * containers mount secrets (mode 0444, of another owner).  [any] */
bool fs_secret_file_is_exposed(int fd, const struct stat *status, const char *path);

#endif
