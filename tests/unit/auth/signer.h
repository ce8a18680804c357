/* An identity provider for tests: keys of each algorithm, their JSON Web Keys, tokens signed by them. */
#ifndef FS_TESTS_AUTH_SIGNER_H
#define FS_TESTS_AUTH_SIGNER_H

#include <openssl/evp.h>

struct fs_signer {
    const char *algorithm; /* RS256 and so on */
    const char *kid;       /* NULL: none */
    EVP_PKEY *pkey;        /* owned */
};

/* Any failure in here ends the program. */
void fs_signer_init(struct fs_signer *signer, const char *algorithm, const char *kid);
void fs_signer_dispose(struct fs_signer *signer);

/* The public key as a JSON Web Key; more: members before the others, such as "\"use\":\"sig\",".
 * malloc'd. */
char *fs_signer_jwk(const struct fs_signer *signer, const char *more);

/* A token with this payload, header members alg, kid and more.  malloc'd. */
char *fs_signer_sign(const struct fs_signer *signer, const char *more, const char *payload);

#endif
