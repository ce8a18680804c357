/* What a reload replaces as a whole: keys, users, and the rules that tokens are checked by.  It never
 * changes once made; those who read it hold it, and the last one frees it. */
#ifndef FS_AUTH_MATERIAL_H
#define FS_AUTH_MATERIAL_H

#include <stdatomic.h>

#include "auth/auth.h"
#include "auth/token.h"
#include "auth/users.h"

struct fs_material {
    atomic_uint holders;
    uint64_t generation; /* rises with each reload; set before it is shared */
    struct fs_token_rules rules;
    struct fs_key_set *keys; /* held: those of rules */
    char *issuer;            /* owned */
    char *audience;          /* owned */
    char *buyer_claim;       /* owned */
    char *demo_password;     /* owned; mode demo, else NULL */
    struct fs_users *users;  /* owned; mode users, else NULL */
    unsigned token_ttl_s;
    int mode; /* FS_AUTH_OPTIONS_... */
};

/* The same but for other keys, for a set that was read anew.  keys: held by the result too.
 * Returns NULL without memory. */
struct fs_material *fs_material_with_keys(const struct fs_material *material,
                                          struct fs_key_set *keys);

/* Reads what options name; keys: of the key source, else NULL, and then of the files that options name;
 * makes the token key when it is missing, and logs that.  The caller holds
 * the result.  Returns 0; -EINVAL, -ENOENT, -EACCES, -EIO, -ENOMEM with a sentence in error. */
int fs_material_create(const struct fs_auth_options *options, uint64_t seed, struct fs_log *log,
                       struct fs_key_set *keys, struct fs_material **material,
                       char error[FS_AUTH_ERROR_SIZE]);
void fs_material_hold(struct fs_material *material);    /* [any] */
void fs_material_release(struct fs_material *material); /* wiped and freed by the last.  [any] */

/* Whether a token that names buyer may be used: its name must still be one that could log in.  So
 * a user who is taken out of the file is out, and a key kept from another mode opens nothing. */
bool fs_material_knows(const struct fs_material *material, struct fs_text buyer);

/* "user_" and 1 to 9 digits. */
bool fs_material_is_demo_user(struct fs_text name);

/* Compares in constant time.  Mode demo. */
bool fs_material_is_demo_password(const struct fs_material *material, struct fs_text password);

#endif
