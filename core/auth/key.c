/* Makes, reads and judges key files, so that a weak or exposed key is refused at start. */
#include "auth/key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "auth/fail.h"
#include "auth/private_file.h"
#include "base/limits.h"
#include "base/secret_file.h"
#include "base/text.h"

#define SECRET_BYTES 32
#define RSA_BITS_MIN 2048

/* Making */

int fs_key_make_if_missing(const char *path, bool *made, char error[FS_AUTH_ERROR_SIZE])
{
    unsigned char secret[SECRET_BYTES];
    char text[SECRET_BYTES * 2];
    struct fs_buffer line = fs_buffer_of(text, sizeof(text));
    int rc;

    *made = false;
    if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
        return fs_auth_fail(error, -EIO, "key file %s: no random bytes for a key", path);
    fs_buffer_add_base32(&line, secret, sizeof(secret));
    fs_buffer_add(&line, FS_TEXT("\n"));
    rc = fs_secret_file_make(path, line.data, line.len, made);
    explicit_bzero(secret, sizeof(secret));
    explicit_bzero(text, sizeof(text));
    if (rc == 0)
        return 0;
    return fs_auth_fail(error, rc == -ENOENT || rc == -EACCES || rc == -ENAMETOOLONG ? rc : -EIO,
                        "key file %s cannot be made: %s", path, strerror(-rc));
}

/* Secrets */

static bool is_one_line_of_text(const char *data, size_t len)
{
    if (len == 0 || data[len - 1] != '\n')
        return false;
    for (size_t i = 0; i + 1 < len; i++) {
        unsigned char c = (unsigned char)data[i];

        if ((c < ' ' || c > '~') && !(c == '\r' && i + 2 == len))
            return false;
    }
    return true;
}

int fs_key_load_secret(const char *path, struct fs_key *key, char error[FS_AUTH_ERROR_SIZE])
{
    const struct fs_private_file file = {"key file", path, 077, FS_KEY_FILE_LEN_MAX};
    char *data;
    size_t len;
    int rc = fs_private_file_read(&file, &data, &len, error);

    if (rc != 0)
        return rc;
    if (is_one_line_of_text(data, len)) {
        len--;
        if (len > 0 && data[len - 1] == '\r')
            len--;
    }
    if (len < FS_SECRET_LEN_MIN) {
        fs_private_file_release(data, len);
        return fs_auth_fail(error, -EINVAL,
                            "key file %s holds %zu bytes; a secret needs %u or more, such as "
                            "openssl rand -hex 32 writes",
                            path, len, FS_SECRET_LEN_MIN);
    }
    *key = (struct fs_key){data, len, NULL};
    return 0;
}

/* Public keys */

/* OpenSSL would ask on the terminal for the password of an encrypted file. */
static int no_password(char *buffer, int size, int rwflag, void *data)
{
    (void)buffer;
    (void)size;
    (void)rwflag;
    (void)data;
    return -1;
}

static int check_rsa(const char *path, EVP_PKEY *pkey, char *error)
{
    if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
        return fs_auth_fail(error, -EINVAL, "key file %s holds no RSA key, as RS256 needs", path);
    if (EVP_PKEY_get_bits(pkey) < RSA_BITS_MIN)
        return fs_auth_fail(error, -EINVAL, "key file %s holds an RSA key of %d bits; %d or more",
                            path, EVP_PKEY_get_bits(pkey), RSA_BITS_MIN);
    return 0;
}

static int check_ec(const char *path, EVP_PKEY *pkey, char *error)
{
    char group[64] = "";

    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC)
        EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
                                       NULL);
    if (strcmp(group, "prime256v1") != 0)
        return fs_auth_fail(error, -EINVAL, "key file %s holds no EC key on P-256, as ES256 needs",
                            path);
    return 0;
}

static EVP_PKEY *parse_public(const char *data, size_t len)
{
    BIO *in = BIO_new_mem_buf(data, (int)len);
    EVP_PKEY *pkey;

    if (!in)
        return NULL;
    pkey = PEM_read_bio_PUBKEY(in, NULL, no_password, NULL);
    BIO_free(in);
    ERR_clear_error();
    return pkey;
}

int fs_key_load_public(const char *path, int algorithm, struct fs_key *key,
                       char error[FS_AUTH_ERROR_SIZE])
{
    const struct fs_private_file file = {"key file", path, 022, FS_KEY_FILE_LEN_MAX};
    EVP_PKEY *pkey;
    bool is_private;
    char *data;
    size_t len;
    int rc = fs_private_file_read(&file, &data, &len, error);

    if (rc != 0)
        return rc;
    pkey = parse_public(data, len);
    is_private = strstr(data, "PRIVATE KEY-----") != NULL;
    fs_private_file_release(data, len);
    if (is_private) {
        EVP_PKEY_free(pkey);
        return fs_auth_fail(error, -EINVAL,
                            "key file %s holds a private key; give its public half: "
                            "openssl pkey -pubout",
                            path);
    }
    if (!pkey)
        return fs_auth_fail(error, -EINVAL,
                            "key file %s holds no PEM public key (-----BEGIN PUBLIC KEY-----)",
                            path);
    rc = algorithm == FS_AUTH_RS256 ? check_rsa(path, pkey, error) : check_ec(path, pkey, error);
    if (rc != 0) {
        EVP_PKEY_free(pkey);
        return rc;
    }
    *key = (struct fs_key){NULL, 0, pkey};
    return 0;
}

void fs_key_dispose(struct fs_key *key)
{
    fs_private_file_release(key->data, key->len);
    EVP_PKEY_free(key->public_key);
    *key = (struct fs_key){NULL, 0, NULL};
}
