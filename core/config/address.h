/* Addresses as users write them: "127.0.0.1:8000", "[::1]:8000", "localhost:8000", "unix:/path". */
#ifndef FS_CONFIG_ADDRESS_H
#define FS_CONFIG_ADDRESS_H

#include <sys/socket.h>

#include "config/config.h"

struct fs_config_address {
    struct sockaddr_storage storage; /* AF_INET, AF_INET6, AF_UNIX; AF_UNSPEC: fd:3 */
    socklen_t len;
};

/* Reads an address to listen on; localhost is 127.0.0.1, other host names are refused, port 0 means
 * any.  path and where name key and place in the message.  Returns 0 or -EINVAL. */
int fs_config_address_parse(const char *path, const char *text, const char *where,
                            struct fs_config_address *address, struct fs_config_error *error);

/* Of "fd:3": the descriptor, a listening socket; else -1. */
int fs_config_address_fd(const struct fs_config_address *address);

/* Only this machine can reach it: 127.0.0.0/8, ::1, these as IPv4-mapped, and unix sockets. */
bool fs_config_address_is_local(const struct fs_config_address *address);

/* Both name the same socket; with port 0 never. */
bool fs_config_address_same(const struct fs_config_address *a, const struct fs_config_address *b);

/* "unix:", an address or a network such as 10.0.0.0/8. */
int fs_config_check_network(const char *path, const char *text, const char *where,
                            struct fs_config_error *error);

/* Syntax checks for the table of keys; 0 or -EINVAL. */
int fs_config_check_address(const char *path, const char *text, const char *where,
                            struct fs_config_error *error);
int fs_config_check_redis_url(const char *path, const char *text, const char *where,
                              struct fs_config_error *error);

#endif
