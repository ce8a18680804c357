/* A plain HTTP/1 client for tests: what it sends is written byte by byte in the test. */
#ifndef FS_TESTS_HTTP_CLIENT_H
#define FS_TESTS_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/* One answer.  Zero before use. */
struct answer {
    int status; /* 0: the connection ended before an answer was whole */
    char head[4096];
    char body[262144];
    size_t body_len;
};

/* Each ends the program when the connection cannot be made. */
int client_connect(const char *path);
bool client_send(int fd, const char *data, size_t len);
bool client_send_text(int fd, const char *text);

/* Reads one answer, body and all; expects_body false: it was a HEAD.  At most twenty seconds. */
bool client_read(int fd, struct answer *answer, bool expects_body);

/* True when the peer has ended the connection within twenty seconds, without a further byte. */
bool client_is_ended(int fd);

/* True when the server has read all that was sent, within twenty seconds. */
bool client_was_read(int fd);

/* Connects, sends text, reads one answer, closes. */
void client_ask(const char *path, const char *text, struct answer *answer);

/* The value of a header, "" when it is not there; in memory of the answer's head, cut at its end. */
const char *client_header(const struct answer *answer, const char *name, char value[256]);

/* A member of the body as text: strings as they are, other values as JSON, "" when not there. */
const char *client_member(const struct answer *answer, const char *name, char value[512]);

#endif
