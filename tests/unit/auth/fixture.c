/* Files, keys, tokens and chance for the tests of auth. */
#include "fixture.h"

#include <crypt.h>
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/clock.h"

static void drop_line(void *data, enum fs_log_level level, const char *line)
{
    (void)data;
    (void)level;
    (void)line;
}

void fs_fixture_path(const struct fs_fixture *fixture, const char *name,
                     char path[FS_FIXTURE_PATH_SIZE])
{
    snprintf(path, FS_FIXTURE_PATH_SIZE, "%s/%s", fixture->folder, name);
}

void fs_fixture_open(struct fs_fixture *fixture)
{
    memset(fixture, 0, sizeof(*fixture));
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/flashsale-auth-XXXXXX");
    if (!mkdtemp(fixture->folder))
        err(2, "mkdtemp");
    fs_log_init(&fixture->log, FS_LOG_ERROR, FS_LOG_TEXT, drop_line, NULL);
    fs_fixture_path(fixture, "token.key", fixture->key_path);
    fs_fixture_path(fixture, "users", fixture->users_path);
}

void fs_fixture_close(struct fs_fixture *fixture)
{
    char path[sizeof(((struct dirent *)0)->d_name) + FS_FIXTURE_PATH_SIZE];
    DIR *folder = opendir(fixture->folder);
    struct dirent *entry;

    if (!folder)
        err(2, "%s", fixture->folder);
    while ((entry = readdir(folder))) {
        snprintf(path, sizeof(path), "%s/%s", fixture->folder, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlink(path);
    }
    closedir(folder);
    rmdir(fixture->folder);
}

void fs_fixture_write(const char *path, const void *data, size_t len, unsigned mode)
{
    int fd;

    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, len) != (ssize_t)len || fchmod(fd, mode) != 0)
        err(2, "%s", path);
    close(fd);
}

void fs_fixture_write_text(const char *path, const char *text, unsigned mode)
{
    fs_fixture_write(path, text, strlen(text), mode);
}

struct fs_auth_options fs_fixture_options(const struct fs_fixture *fixture, int mode)
{
    return (struct fs_auth_options){
        .mode = (unsigned)mode,
        .demo_password = "password123",
        .users_file = fixture->users_path,
        .token_ttl_us = UINT64_C(3600) * 1000000,
        .token_key_file = fixture->key_path,
        .jwt_algorithms = FS_AUTH_HS256,
        .jwks_file = "",
        .jwks_url = "",
        .buyer_claim = "sub",
        .service_file = "",
        .jwt_key_file = fixture->key_path,
        .jwt_issuer = "",
        .jwt_audience = "",
        .login_threads = 1,
        .login_queue_max = 256,
        .login_failures_max = 20,
        .login_failures_address_max = 20,
    };
}

void fs_fixture_add_user(char *text, size_t size, const char *name, const char *password,
                         const char *prefix, unsigned long count)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data *data = calloc(1, sizeof(*data));
    size_t len = strlen(text);
    char *hash;

    if (!data || !crypt_gensalt_rn(prefix, count, NULL, 0, setting, (int)sizeof(setting)))
        err(2, "crypt_gensalt_rn");
    hash = crypt_rn(password, setting, data, (int)sizeof(*data));
    if (!hash)
        err(2, "crypt_rn");
    snprintf(text + len, size - len, "%s:%s\n", name, hash);
    free(data);
}

/* Keys */

EVP_PKEY *fs_fixture_make_rsa(unsigned bits)
{
    EVP_PKEY *pkey = EVP_RSA_gen(bits);

    if (!pkey)
        errx(2, "EVP_RSA_gen");
    return pkey;
}

EVP_PKEY *fs_fixture_make_ec(const char *curve)
{
    EVP_PKEY *pkey = EVP_EC_gen(curve);

    if (!pkey)
        errx(2, "EVP_EC_gen");
    return pkey;
}

static char *pem_of(EVP_PKEY *pkey, bool is_private)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *data, *copy;
    long len;
    int ok = out && (is_private ? PEM_write_bio_PrivateKey(out, pkey, NULL, NULL, 0, NULL, NULL)
                                : PEM_write_bio_PUBKEY(out, pkey));

    if (!ok)
        errx(2, "PEM");
    len = BIO_get_mem_data(out, &data);
    copy = strndup(data, (size_t)len);
    BIO_free(out);
    return copy;
}

char *fs_fixture_public_pem(EVP_PKEY *pkey)
{
    return pem_of(pkey, false);
}

char *fs_fixture_private_pem(EVP_PKEY *pkey)
{
    return pem_of(pkey, true);
}

/* Tokens */

static size_t add_base64url(char *out, const void *data, size_t len)
{
    int written = EVP_EncodeBlock((unsigned char *)out, data, (int)len);

    while (written > 0 && out[written - 1] == '=')
        written--;
    for (int i = 0; i < written; i++)
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
    out[written] = '\0';
    return (size_t)written;
}

/* "header.payload", with room for a signature. */
static char *unsigned_token(const char *header, const char *payload, size_t *len)
{
    char *token = calloc(1, (strlen(header) + strlen(payload)) * 2 + 1024);

    if (!token)
        err(2, "calloc");
    *len = add_base64url(token, header, strlen(header));
    token[(*len)++] = '.';
    *len += add_base64url(token + *len, payload, strlen(payload));
    return token;
}

char *fs_fixture_sign_hmac(const char *digest, const char *header, const char *payload,
                           const void *key, size_t key_len)
{
    unsigned char signature[EVP_MAX_MD_SIZE];
    unsigned signature_len;
    size_t len;
    char *token = unsigned_token(header, payload, &len);

    if (!HMAC(EVP_get_digestbyname(digest), key, (int)key_len, (unsigned char *)token, len,
              signature, &signature_len))
        errx(2, "HMAC");
    token[len++] = '.';
    add_base64url(token + len, signature, signature_len);
    return token;
}

/* JWS wants r and s, 32 bytes each, where OpenSSL gives DER (RFC 7518, 3.4). */
static size_t to_raw(const unsigned char *der, size_t len, unsigned char raw[64])
{
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)len);

    if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, 32) != 32 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + 32, 32) != 32)
        errx(2, "ECDSA_SIG");
    ECDSA_SIG_free(signature);
    return 64;
}

char *fs_fixture_sign_pkey(const char *header, const char *payload, EVP_PKEY *pkey)
{
    unsigned char signature[512], raw[64];
    size_t signature_len = sizeof(signature);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_ec = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC;
    size_t len;
    char *token = unsigned_token(header, payload, &len);

    if (EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pkey) != 1 ||
        EVP_DigestSign(context, signature, &signature_len, (unsigned char *)token, len) != 1)
        errx(2, "EVP_DigestSign");
    EVP_MD_CTX_free(context);
    if (is_ec)
        signature_len = to_raw(signature, signature_len, raw);
    token[len++] = '.';
    add_base64url(token + len, is_ec ? raw : signature, signature_len);
    return token;
}

/* Chance */

struct fs_random fs_random_begin(const char *what)
{
    const char *given = getenv("FS_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : fs_clock_now_us();

    printf("\n    %s: FS_SEED=%" PRIu64 "\n", what, seed);
    return (struct fs_random){seed};
}

/* splitmix64 (Steele, Lea, Flood, 2014). */
uint64_t fs_random_next(struct fs_random *random)
{
    uint64_t z = (random->state += 0x9e3779b97f4a7c15u);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

size_t fs_random_below(struct fs_random *random, size_t limit)
{
    return (size_t)(fs_random_next(random) % limit);
}
