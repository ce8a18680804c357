/* What the tests of auth share: a folder that goes away, keys and tokens made on the spot, chance. */
#ifndef FS_TESTS_AUTH_FIXTURE_H
#define FS_TESTS_AUTH_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "auth/auth.h"

#define FS_FIXTURE_PATH_SIZE 256

struct fs_fixture {
    char folder[64]; /* owned: made by open, removed with its files by close */
    struct fs_log log;
    char key_path[FS_FIXTURE_PATH_SIZE];
    char users_path[FS_FIXTURE_PATH_SIZE];
    char error[FS_AUTH_ERROR_SIZE];
};

/* Any failure in here ends the program: it is the machine's, not the code's under test. */
void fs_fixture_open(struct fs_fixture *fixture);
void fs_fixture_close(struct fs_fixture *fixture);
void fs_fixture_path(const struct fs_fixture *fixture, const char *name,
                     char path[FS_FIXTURE_PATH_SIZE]);

/* Writes a file with exactly this mode. */
void fs_fixture_write(const char *path, const void *data, size_t len, unsigned mode);
void fs_fixture_write_text(const char *path, const char *text, unsigned mode);

/* Of this mode, with the fixture's key file and users file, an hour's tokens, 20 failures. */
struct fs_auth_options fs_fixture_options(const struct fs_fixture *fixture, int mode);

/* "name:hash\n" with crypt(3): prefix "$2b$" or "$y$", count as crypt_gensalt() takes it. */
void fs_fixture_add_user(char *text, size_t size, const char *name, const char *password,
                         const char *prefix, unsigned long count);

/* Keys.  pem: malloc'd, for the caller to free(). */
EVP_PKEY *fs_fixture_make_rsa(unsigned bits);
EVP_PKEY *fs_fixture_make_ec(const char *curve);
char *fs_fixture_public_pem(EVP_PKEY *pkey);
char *fs_fixture_private_pem(EVP_PKEY *pkey);

/* Tokens from any header and payload, malloc'd.  By HMAC with a digest such as "SHA256"; by key:
 * RSA, or EC on P-256, with SHA-256. */
char *fs_fixture_sign_hmac(const char *digest, const char *header, const char *payload,
                           const void *key, size_t key_len);
char *fs_fixture_sign_pkey(const char *header, const char *payload, EVP_PKEY *pkey);

/* Chance: FS_SEED of the environment, else the clock; printed, so that a run can be had again. */
struct fs_random {
    uint64_t state;
};
struct fs_random fs_random_begin(const char *what);
uint64_t fs_random_next(struct fs_random *random);
size_t fs_random_below(struct fs_random *random, size_t limit);

#endif
