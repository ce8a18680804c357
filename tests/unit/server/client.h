/* A blocking HTTP/1.1 client for the tests of the server: one connection, no cleverness. */
#ifndef FS_TESTS_SERVER_CLIENT_H
#define FS_TESTS_SERVER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

/* "127.0.0.1:8000", "[::1]:8000" or "unix:/path"; returns a descriptor, or a negative errno.  Reads on
 * it give up after 30 s. */
int client_connect(const char *address);

/* Connects a socket of the right family.  Returns 0 or a negative errno.  */
int client_use(int fd, const char *address);

bool client_send(int fd, const char *text);

/* True when the server has read all that was sent on a connection over IPv4, within 20 s. */
bool client_was_read(int fd);

/* Reads one answer into text (cut to its size).  Returns its status, or 0 when the connection ended
 * before a whole answer had come. */
int client_read(int fd, char *text, size_t size);

/* One request on a connection of its own.  headers: lines with their ends, or "".  Returns the status
 * or 0, with the whole answer in text. */
int client_ask(const char *address, const char *method, const char *path, const char *headers,
               const char *body, char *text, size_t size);

/* Logs user_1 in and writes the Authorization header, with its line's end.  */
bool client_login(const char *address, char *header, size_t size);

#endif
