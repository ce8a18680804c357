/* The admin listener of the server under load. */
#ifndef FS_BENCH_ADMIN_H
#define FS_BENCH_ADMIN_H

#include <stdint.h>

#define FS_ADMIN_ERROR_SIZE 512

struct fs_admin; /* one listener, and the token for it */

/* host: a name, or the path of a unix socket when port is 0.  token: empty for none.
 * Returns 0 or -ENOMEM. */
int fs_admin_create(struct fs_admin **admin, const char *host, uint16_t port, const char *token);
void fs_admin_destroy(struct fs_admin *admin); /* NULL is fine */

/* Gives the body of a 200, malloc'd; else *error is a sentence.  body: NULL for none.
 * Returns 0, -ECONNREFUSED (no answer), -EACCES (401), -EPROTO (another status), -ENOMEM. */
int fs_admin_ask(struct fs_admin *admin, const char *method, const char *path, const char *body,
                 char **answer, char error[FS_ADMIN_ERROR_SIZE]);

#endif
