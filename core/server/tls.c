/* Builds the TLS context of a server from its certificate and key. */
#include "server/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <h2o.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "base/clock.h"

#define HANDSHAKE_US 60000000u /* h2o ends one that takes 10 s */

static const h2o_iovec_t protocols[] = {
    {.base = (char *)"h2", .len = 2}, {.base = (char *)"http/1.1", .len = 8}, {NULL, 0}};

static int fail(char error[FS_TLS_ERROR_SIZE], const char *file, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    snprintf(error, FS_TLS_ERROR_SIZE, "%s: %s: %s", file, what, reason ? reason : "unknown error");
    ERR_clear_error();
    return -EINVAL;
}

/* OpenSSL's own words for a missing file are long and unclear. */
static int check_file(const char *file, char error[FS_TLS_ERROR_SIZE])
{
    int rc;

    if (access(file, R_OK) == 0)
        return 0;
    rc = -errno;
    snprintf(error, FS_TLS_ERROR_SIZE, "%s: %s", file, strerror(-rc));
    return rc;
}

/* Nobody sits before a server to type a passphrase. */
static int refuse_passphrase(char *buffer, int size, int writing, void *data)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)data;
    return -1;
}

static int load(SSL_CTX *tls, const char *certificate, const char *key,
                char error[FS_TLS_ERROR_SIZE])
{
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(tls, refuse_passphrase);
    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1)
        return fail(error, certificate, "no PEM certificate could be read");
    if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
            return fail(error, key, "the key does not belong to the certificate");
        return fail(error, key, "no PEM key without a passphrase could be read");
    }
    if (SSL_CTX_check_private_key(tls) != 1)
        return fail(error, key, "the key does not belong to the certificate");
    return 0;
}

int fs_tls_create(const char *certificate, const char *key, bool offers_http2, struct fs_log *log,
                  SSL_CTX **tls, char error[FS_TLS_ERROR_SIZE])
{
    unsigned char session_context[SSL_MAX_SSL_SESSION_ID_LENGTH];
    struct stat status;
    SSL_CTX *new;
    int rc;

    if ((rc = check_file(certificate, error)) != 0 || (rc = check_file(key, error)) != 0)
        return rc;
    new = SSL_CTX_new(TLS_server_method());
    if (!new) {
        snprintf(error, FS_TLS_ERROR_SIZE, "OpenSSL gave no context: out of memory");
        return -ENOMEM;
    }
    SSL_CTX_set_min_proto_version(new, TLS1_2_VERSION);
    SSL_CTX_set_options(new, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    h2o_ssl_register_alpn_protocols(new, offers_http2 ? protocols : protocols + 1);
    rc = load(new, certificate, key, error);
    if (rc == 0 &&
        (RAND_bytes(session_context, sizeof(session_context)) != 1 ||
         SSL_CTX_set_session_id_context(new, session_context, sizeof(session_context)) != 1))
        rc = fail(error, certificate, "no session context");
    if (rc != 0) {
        SSL_CTX_free(new);
        return rc;
    }
    if (stat(key, &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        fs_log_warning(log, "server", "%s: others than its owner can read this key: chmod 600 it",
                       key);
    *tls = new;
    return 0;
}

void fs_tls_destroy(SSL_CTX *tls)
{
    SSL_CTX_free(tls);
}

static void free_older(struct fs_tls_retired **list, uint64_t until_us)
{
    while (*list) {
        struct fs_tls_retired *retired = *list;

        if (retired->retired_at_us > until_us) {
            list = &retired->next;
            continue;
        }
        *list = retired->next;
        fs_tls_destroy(retired->tls);
        free(retired);
    }
}

void fs_tls_retire(struct fs_tls_retired **list, SSL_CTX *tls)
{
    struct fs_tls_retired *retired = malloc(sizeof(*retired));
    uint64_t now_us = fs_clock_now_us();

    if (now_us > HANDSHAKE_US)
        free_older(list, now_us - HANDSHAKE_US);
    if (!retired)
        return; /* kept for good, then */
    *retired = (struct fs_tls_retired){*list, tls, now_us};
    *list = retired;
}

void fs_tls_free_retired(struct fs_tls_retired **list)
{
    free_older(list, UINT64_MAX);
}
