/* Reads sets of keys and compares them. */
#include "auth/key_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "auth/algorithm.h"
#include "auth/fail.h"
#include "auth/private_file.h"
#include "base/limits.h"

static struct fs_key_set *make_set(char *error)
{
    struct fs_key_set *set = calloc(1, sizeof(*set));

    if (set)
        atomic_init(&set->holders, 1);
    else
        fs_auth_fail(error, -ENOMEM, "no memory for keys");
    return set;
}

void fs_key_set_hold(struct fs_key_set *set)
{
    atomic_fetch_add_explicit(&set->holders, 1, memory_order_relaxed);
}

void fs_key_set_release(struct fs_key_set *set)
{
    if (!set || atomic_fetch_sub_explicit(&set->holders, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < set->count; i++) {
        fs_key_dispose(&set->keys[i].key);
        free(set->keys[i].kid);
    }
    free(set);
}

int fs_key_set_load_secret(const char *path, struct fs_log *log, struct fs_key_set **set,
                           char error[FS_AUTH_ERROR_SIZE])
{
    struct fs_key_set *made = make_set(error);
    int rc;

    if (!made)
        return -ENOMEM;
    rc = fs_key_load_secret(path, log, &made->keys[0].key, error);
    if (rc != 0) {
        fs_key_set_release(made);
        return rc;
    }
    made->keys[0].algorithms = FS_AUTH_HS256;
    made->count = 1;
    *set = made;
    return 0;
}

/* PEM */

/* OpenSSL would ask on the terminal for the password of an encrypted file. */
static int no_password(char *buffer, int size, int rwflag, void *data)
{
    (void)buffer;
    (void)size;
    (void)rwflag;
    (void)data;
    return -1;
}

/* pkey: given.  Returns 0 or -EINVAL. */
static int add_pem_key(struct fs_key_set *set, const char *path, EVP_PKEY *pkey,
                       unsigned algorithms, char *error)
{
    const char *why = "a key that none of auth.jwt_algorithms can use";
    unsigned bits = fs_algorithm_bits_of(pkey, &why) & algorithms;

    if (bits == 0 || set->count == FS_KEYS_MAX) {
        EVP_PKEY_free(pkey);
        if (bits != 0)
            return fs_auth_fail(error, -EINVAL, "key file %s holds more than %u keys", path,
                                FS_KEYS_MAX);
        return fs_auth_fail(error, -EINVAL, "key file %s holds %s", path, why);
    }
    set->keys[set->count].key.public_key = pkey;
    set->keys[set->count++].algorithms = bits;
    return 0;
}

static size_t count_keys(const char *data)
{
    size_t count = 0;

    for (const char *at = data; (at = strstr(at, "-----BEGIN PUBLIC KEY-----")); at++)
        count++;
    return count;
}

static int read_pem(struct fs_key_set *set, const char *path, const char *data, size_t len,
                    unsigned algorithms, char *error)
{
    BIO *in;
    int rc = 0;

    if (strstr(data, "PRIVATE KEY-----"))
        return fs_auth_fail(error, -EINVAL,
                            "key file %s holds a private key; give its public half: "
                            "openssl pkey -pubout",
                            path);
    in = BIO_new_mem_buf(data, (int)len);
    if (!in)
        return fs_auth_fail(error, -ENOMEM, "no memory for key file %s", path);
    while (rc == 0) {
        EVP_PKEY *pkey = PEM_read_bio_PUBKEY(in, NULL, no_password, NULL);

        if (!pkey)
            break;
        rc = add_pem_key(set, path, pkey, algorithms, error);
    }
    if (rc == 0 && set->count < count_keys(data))
        rc = fs_auth_fail(error, -EINVAL, "key file %s: key %zu cannot be read", path,
                          set->count + 1);
    else if (rc == 0 && set->count == 0)
        rc = fs_auth_fail(error, -EINVAL,
                          "key file %s holds no PEM public key (-----BEGIN PUBLIC KEY-----)", path);
    ERR_clear_error();
    BIO_free(in);
    return rc;
}

/* Files */

static int load(const struct fs_private_file *file, bool is_json, unsigned algorithms,
                struct fs_key_set **set, char *error)
{
    struct fs_key_set *made = NULL;
    char *data;
    size_t len;
    int rc = fs_private_file_read(file, &data, &len, error);

    if (rc != 0)
        return rc;
    if (is_json) {
        rc = fs_key_set_read_json(file->path, (struct fs_text){data, len}, algorithms, set, error);
    } else if (!(made = make_set(error))) {
        rc = -ENOMEM;
    } else {
        rc = read_pem(made, file->path, data, len, algorithms, error);
        if (rc == 0)
            *set = made;
        else
            fs_key_set_release(made);
    }
    fs_private_file_release(data, len);
    return rc;
}

int fs_key_set_load_pem(const char *path, unsigned algorithms, struct fs_key_set **set,
                        char error[FS_AUTH_ERROR_SIZE])
{
    const struct fs_private_file file = {"key file", path, 022, FS_KEY_FILE_LEN_MAX, NULL};

    return load(&file, false, algorithms, set, error);
}

int fs_key_set_load_json(const char *path, unsigned algorithms, struct fs_key_set **set,
                         char error[FS_AUTH_ERROR_SIZE])
{
    const struct fs_private_file file = {"key set", path, 022, FS_JWKS_LEN_MAX, NULL};

    return load(&file, true, algorithms, set, error);
}

/* Comparison */

static bool is_same(const struct fs_set_key *a, const struct fs_set_key *b)
{
    if (a->algorithms != b->algorithms || !a->kid != !b->kid ||
        (a->kid && strcmp(a->kid, b->kid) != 0))
        return false;
    if (a->key.public_key && b->key.public_key)
        return EVP_PKEY_eq(a->key.public_key, b->key.public_key) == 1;
    return !a->key.public_key && !b->key.public_key && a->key.len == b->key.len &&
           CRYPTO_memcmp(a->key.data, b->key.data, a->key.len) == 0;
}

bool fs_key_set_is_within(const struct fs_key_set *set, const struct fs_key_set *other)
{
    for (size_t i = 0; i < set->count; i++) {
        bool found = false;

        for (size_t j = 0; j < other->count && !found; j++)
            found = is_same(&set->keys[i], &other->keys[j]);
        if (!found)
            return false;
    }
    return true;
}
