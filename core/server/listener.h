/* Listening sockets before and after their loops have them: addresses, binding, and the file of a
 * unix socket. */
#ifndef FS_SERVER_LISTENER_H
#define FS_SERVER_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/limits.h"

#define FS_LISTENER_ERROR_SIZE 1024

/* Room for any address as text: "unix:" and a path, or an address with its port. */
#define FS_ADDRESS_TEXT_SIZE (sizeof(((struct sockaddr_un *)0)->sun_path) + 32)

/* One configured address, with a socket for each loop that accepts on it. */
struct fs_listener {
    char text[FS_ADDRESS_TEXT_SIZE]; /* with the real port */
    bool is_loopback;                /* only this machine can reach it */
    int fds[FS_WORKERS_MAX];         /* owned until given to a loop: then -1 */
    size_t fd_count;
    bool is_unix;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* of a unix socket */
    dev_t device; /* of the file that we made: it is only removed while it is still ours */
    ino_t inode;
};

/* text: as fs_config_address_parse() takes it; key names it in messages, such as "admin.listen".
 * is_dual: [::] takes IPv4 too.  Binds and listens: over TCP fd_count sockets share the port by SO_REUSEPORT, each with a queue of
 * its own; on a unix socket they are copies of one.  Port 0: the system chooses one port for all.
 * Returns 0; -EINVAL (the address), -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EMFILE or what the system
 * said, with a sentence in error and nothing open.  [main] */
int fs_listener_open(const char *key, const char *text, bool is_dual, size_t fd_count, int backlog,
                     struct fs_listener *listener, char error[FS_LISTENER_ERROR_SIZE]);

/* Closes what was not given away, and removes the file of a unix socket when it is still ours. */
void fs_listener_close(struct fs_listener *listener);

#endif
