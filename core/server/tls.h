/* TLS by configuration: one context of OpenSSL for the main listeners. */
#ifndef FS_SERVER_TLS_H
#define FS_SERVER_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/log.h"

#define FS_TLS_ERROR_SIZE 512

/* certificate: PEM, the server's first, then the chain.  key: PEM, without a passphrase.  TLS 1.2 or
 * later, no renegotiation.  ALPN: http/1.1, and before it h2 where that is offered.  Warns in log when others may read the key.
 * Returns 0, or -EINVAL, -ENOENT, -EACCES, -ENOMEM with a sentence in error.  [main] */
int fs_tls_create(const char *certificate, const char *key, bool offers_http2, struct fs_log *log,
                  SSL_CTX **tls, char error[FS_TLS_ERROR_SIZE]);
void fs_tls_destroy(SSL_CTX *tls);

/* Contexts that no new connection gets.  h2o looks at a connection's context when its first bytes come,
 * so each is kept for longer than a handshake may take. */
struct fs_tls_retired {
    struct fs_tls_retired *next;
    SSL_CTX *tls;
    uint64_t retired_at_us;
};

/* tls: given.  Frees those of the list that nobody can look at any more.  [main] */
void fs_tls_retire(struct fs_tls_retired **list, SSL_CTX *tls);
void fs_tls_free_retired(struct fs_tls_retired **list); /* all: no connection is open.  [main] */

#endif
