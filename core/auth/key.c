/* Makes, reads and judges key files, so that a weak or exposed key is refused at start. */
#include "auth/key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "auth/fail.h"
#include "auth/private_file.h"
#include "base/limits.h"
#include "base/secret_file.h"
#include "base/text.h"

#define SECRET_BYTES 32

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

int fs_key_load_secret(const char *path, struct fs_log *log, struct fs_key *key,
                       char error[FS_AUTH_ERROR_SIZE])
{
    const struct fs_private_file file = {"key file", path, log ? 022 : 077, FS_KEY_FILE_LEN_MAX,
                                         log};
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

void fs_key_dispose(struct fs_key *key)
{
    fs_private_file_release(key->data, key->len);
    EVP_PKEY_free(key->public_key);
    *key = (struct fs_key){NULL, 0, NULL};
}
