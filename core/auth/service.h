/* Tokens of services: payment, support, operators' tools that act for a buyer or administer.
 *
 * A file has a line "name scope[,scope...] sha256" for each, the hash of the token as 64 hexadecimal
 * digits, "#" begins a comment.  So the file opens nothing to who reads it, as long as tokens are
 * random. */
#ifndef FS_AUTH_SERVICE_H
#define FS_AUTH_SERVICE_H

#include <stdbool.h>

#include "auth/auth.h"
#include "base/log.h"
#include "base/text.h"

/* Reads the file.  Refused: unknown scopes, a name or a token twice, a file without services or with
 * more than FS_SERVICES_MAX, one that group or others can write.  The caller holds the result.
 * Returns 0; -ENOENT, -EACCES, -EINVAL, -EIO, -ENOMEM with a sentence in error that names file and
 * line.  [any] */
int fs_services_load(const char *path, struct fs_log *log, struct fs_services **services,
                     char error[FS_AUTH_ERROR_SIZE]);

/* The same of a text; where: what messages call it. */
int fs_services_read(const char *where, struct fs_text text, struct fs_services **services,
                     char error[FS_AUTH_ERROR_SIZE]);

void fs_services_hold(struct fs_services *services);    /* [any] */
void fs_services_release(struct fs_services *services); /* NULL is fine.  [any] */

/* Takes as long for every token.  [any] */
bool fs_services_find(const struct fs_services *services, struct fs_text token,
                      struct fs_service *service);

#endif
