/* The users of a file in htpasswd's format, and whether a password is theirs. */
#ifndef FS_AUTH_USERS_H
#define FS_AUTH_USERS_H

#include <stdbool.h>

#include <crypt.h>

#include "auth/auth.h"
#include "base/text.h"

struct fs_users;

/* Lines "name:hash"; "#" begins a comment, blank lines are skipped.  name: 1 to FS_USERNAME_LEN_MAX
 * bytes of UTF-8 without control characters.  hash: bcrypt ($2a$, $2b$, $2y$) or yescrypt ($y$),
 * within FS_BCRYPT_COST_MAX and FS_YESCRYPT_MEMORY_MAX.  Refused: other hashes, a name twice, a file
 * without users, a file that group or others can write; log is warned of one that all can read.
 * seed: random, so that nobody can tell beforehand whose hash stands in for an unknown name.
 * Returns 0; -ENOENT, -EACCES, -EINVAL, -EIO, -ENOMEM with a sentence in error that names file and
 * line.  [any] */
int fs_users_load(const char *path, uint64_t seed, struct fs_log *log, struct fs_users **users,
                  char error[FS_AUTH_ERROR_SIZE]);
void fs_users_destroy(struct fs_users *users);

bool fs_users_has(const struct fs_users *users, struct fs_text name); /* [any] */

/* Takes milliseconds on purpose.  An unknown name costs as much as a wrong password: the hash of
 * some user, always the same for that name, is computed and its result dropped.
 * scratch: the caller's, wiped afterwards, as is the copy of the password.  [any] */
bool fs_users_check(const struct fs_users *users, struct fs_text name, struct fs_text password,
                    struct crypt_data *scratch);

#endif
