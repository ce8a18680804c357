/* A file that is there whole or not at all: written as <path>.tmp and renamed at its end. */
#ifndef FS_BENCH_WHOLE_FILE_H
#define FS_BENCH_WHOLE_FILE_H

#include <limits.h>
#include <stdio.h>

struct fs_whole_file {
    FILE *file;          /* owned; NULL: not open */
    char path[PATH_MAX]; /* where it will be */
};

/* Returns 0 or an errno of open(2); -ENAMETOOLONG. */
int fs_whole_file_open(struct fs_whole_file *whole, const char *folder, const char *name);

/* Closes and renames.  Returns 0, or -EIO or another errno: the file is then not there, and what was
 * there before still is. */
int fs_whole_file_close(struct fs_whole_file *whole);

/* Writes text as a whole file.  Returns as open and close do. */
int fs_whole_file_write(const char *folder, const char *name, const char *text, size_t len);

/* Makes a folder and all above it, 0755.  Returns 0 or a negative errno. */
int fs_make_folders(const char *path);

/* Reads a file into malloc'd, NUL-terminated memory, given to the caller; size may be 0 for the
 * files of /proc.  NULL: it cannot be read, errno says why. */
char *fs_read_file(const char *path);

#endif
