/* A client of the admin listener. */
#ifndef FS_CLI_ADMIN_H
#define FS_CLI_ADMIN_H

#include <jansson.h>

#include "cli/options.h"

struct fs_cli_admin; /* one listener, and the token for it */

/* needs_token: what is asked is not open to all.  What is wrong is said on io->err.
 * Returns 0 or an exit code. */
int fs_cli_admin_create(const struct fs_cli_options *options, const struct fs_cli_io *io,
                        bool needs_token, struct fs_cli_admin **admin);
void fs_cli_admin_destroy(struct fs_cli_admin *admin);

struct fs_cli_answer {
    long status;
    json_t *body; /* owned; NULL: none, or no JSON */
};

/* Adds a header "Name: value" to what is asked from now on; borrowed.  At most two. */
void fs_cli_admin_header(struct fs_cli_admin *admin, const char *header);

/* Sends body (NULL: none; borrowed) and waits for the answer.  What is wrong with the connection is
 * said on io->err.  Returns 0 or an exit code. */
int fs_cli_admin_ask(struct fs_cli_admin *admin, const char *method, const char *path,
                     const json_t *body, const struct fs_cli_io *io, struct fs_cli_answer *answer);
void fs_cli_answer_dispose(struct fs_cli_answer *answer);

#endif
