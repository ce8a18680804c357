/* The folder of a private redis-server: whose it is, its locks, its secret, its configuration. */
#ifndef FS_STORE_PRIVATE_DIR_H
#define FS_STORE_PRIVATE_DIR_H

#include <limits.h>
#include <sys/un.h>

#include <flashsale/flashsale.h>

#include "store/check.h"

#define FS_PRIVATE_SECRET_SIZE 65 /* 64 hexadecimal digits and a NUL */

struct fs_private_dir {
    char path[PATH_MAX];
    char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
    char socket_dir[64];                 /* made for the socket alone; empty: it lies in path */
    char secret[FS_PRIVATE_SECRET_SIZE]; /* requirepass */
    int owner_lock_fd;                   /* held by this process: one flashsale a folder */
    int server_lock_fd; /* handed to the redis-server as well: one of these a folder */
};

/* Makes or opens <data_dir>/redis-<index>, 0700, and takes both locks.  A redis-server that an
 * earlier flashsale left behind is given a few seconds to end.  Returns 0, -EBUSY, -EACCES or another
 * errno with a sentence.  [main] */
int fs_private_dir_open(const char *data_dir, unsigned index, struct fs_private_dir *dir,
                        struct fs_error *error);
void fs_private_dir_close(struct fs_private_dir *dir); /* [main] */

/* Writes redis.conf, 0600.  Returns 0 or an errno with a sentence.  [main] */
int fs_private_dir_configure(const struct fs_private_dir *dir, enum fs_durability durability,
                             struct fs_error *error);

#endif
