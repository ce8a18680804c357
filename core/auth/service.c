/* Reads the file of services, and finds the one whose token is presented. */
#include "auth/service.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "auth/fail.h"
#include "auth/private_file.h"
#include "base/limits.h"

struct entry {
    struct fs_service service;
    unsigned char hash[SHA256_DIGEST_LENGTH];
};

struct fs_services {
    atomic_uint holders;
    size_t count;
    struct entry entries[FS_SERVICES_MAX];
};

static const struct {
    const char *name;
    enum fs_scope scope;
} scopes[] = {
    {"orders:read", FS_SCOPE_ORDERS_READ},     {"orders:confirm", FS_SCOPE_ORDERS_CONFIRM},
    {"orders:cancel", FS_SCOPE_ORDERS_CANCEL}, {"orders:purchase", FS_SCOPE_ORDERS_PURCHASE},
    {"feed:read", FS_SCOPE_FEED_READ},         {"admin", FS_SCOPE_ADMIN},
};

#define SCOPE_COUNT (sizeof(scopes) / sizeof(scopes[0]))

const char *fs_scope_name(enum fs_scope scope)
{
    for (size_t i = 0; i < SCOPE_COUNT; i++)
        if (scopes[i].scope == scope)
            return scopes[i].name;
    return "";
}

/* Lines */

/* Takes the next word off the line. */
static struct fs_text next_word(struct fs_text *line)
{
    struct fs_text word;

    while (line->len > 0 && (line->data[0] == ' ' || line->data[0] == '\t')) {
        line->data++;
        line->len--;
    }
    word = (struct fs_text){line->data, 0};
    while (line->len > 0 && line->data[0] != ' ' && line->data[0] != '\t') {
        line->data++;
        line->len--;
        word.len++;
    }
    return word;
}

static bool read_scopes(struct fs_text list, unsigned *bits)
{
    *bits = 0;
    while (list.len > 0) {
        const char *comma = memchr(list.data, ',', list.len);
        struct fs_text name = {list.data, comma ? (size_t)(comma - list.data) : list.len};
        unsigned bit = 0;

        for (size_t i = 0; i < SCOPE_COUNT; i++)
            if (fs_text_equals(name, fs_text_of(scopes[i].name)))
                bit = scopes[i].scope;
        if (bit == 0 || (comma && name.len + 1 == list.len))
            return false;
        *bits |= bit;
        list.data += name.len + (comma ? 1 : 0);
        list.len -= name.len + (comma ? 1 : 0);
    }
    return *bits != 0;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_hash(struct fs_text text, unsigned char hash[SHA256_DIGEST_LENGTH])
{
    if (text.len != 2 * (size_t)SHA256_DIGEST_LENGTH)
        return false;
    for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++) {
        int high = digit_of(text.data[2 * i]), low = digit_of(text.data[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        hash[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

/* Returns NULL, or what is wrong with the line. */
static const char *read_entry(struct fs_services *services, struct fs_text line)
{
    struct entry *entry = &services->entries[services->count];
    struct fs_text name = next_word(&line), list = next_word(&line), hash = next_word(&line);

    if (next_word(&line).len > 0 || hash.len == 0)
        return "'name scope[,scope] sha256-of-token' is expected";
    if (!fs_text_is_id(name, FS_SERVICE_NAME_LEN_MAX))
        return "a name has 1 to 64 of A-Z a-z 0-9 _ -";
    if (!read_scopes(list, &entry->service.scopes))
        return "scopes are orders:read, orders:confirm, orders:cancel, orders:purchase, feed:read "
               "and admin";
    if (!read_hash(hash, entry->hash))
        return "the SHA-256 of a token has 64 hexadecimal digits (printf %s TOKEN | sha256sum)";
    memcpy(entry->service.name, name.data, name.len);
    entry->service.name[name.len] = '\0';
    for (size_t i = 0; i < services->count; i++) {
        if (strcmp(services->entries[i].service.name, entry->service.name) == 0)
            return "this name is there twice";
        if (memcmp(services->entries[i].hash, entry->hash, SHA256_DIGEST_LENGTH) == 0)
            return "this token is there twice";
    }
    services->count++;
    return NULL;
}

static int read_lines(struct fs_services *services, const char *where, struct fs_text text,
                      char *error)
{
    unsigned number = 0;

    while (text.len > 0) {
        const char *end = memchr(text.data, '\n', text.len);
        struct fs_text line = {text.data, end ? (size_t)(end - text.data) : text.len};
        const char *comment = memchr(line.data, '#', line.len);
        const char *problem;

        number++;
        text.data += line.len + (end ? 1 : 0);
        text.len -= line.len + (end ? 1 : 0);
        if (comment)
            line.len = (size_t)(comment - line.data);
        while (line.len > 0 && strchr(" \t\r", line.data[line.len - 1]))
            line.len--;
        if (line.len == 0)
            continue;
        problem = services->count == FS_SERVICES_MAX ? "more than 256 services"
                                                     : read_entry(services, line);
        if (problem)
            return fs_auth_fail(error, -EINVAL, "service tokens %s:%u: %s", where, number, problem);
    }
    if (services->count == 0)
        return fs_auth_fail(error, -EINVAL, "service tokens %s: there is none in it", where);
    return 0;
}

int fs_services_read(const char *where, struct fs_text text, struct fs_services **services,
                     char error[FS_AUTH_ERROR_SIZE])
{
    struct fs_services *made = calloc(1, sizeof(*made));
    int rc;

    if (!made)
        return fs_auth_fail(error, -ENOMEM, "no memory for service tokens");
    atomic_init(&made->holders, 1);
    rc = read_lines(made, where, text, error);
    if (rc != 0)
        fs_services_release(made);
    else
        *services = made;
    return rc;
}

int fs_services_load(const char *path, struct fs_log *log, struct fs_services **services,
                     char error[FS_AUTH_ERROR_SIZE])
{
    const struct fs_private_file file = {"service tokens", path, 022, FS_KEY_FILE_LEN_MAX, log};
    char *data;
    size_t len;
    int rc = fs_private_file_read(&file, &data, &len, error);

    if (rc != 0)
        return rc;
    rc = fs_services_read(path, (struct fs_text){data, len}, services, error);
    fs_private_file_release(data, len);
    return rc;
}

void fs_services_hold(struct fs_services *services)
{
    atomic_fetch_add_explicit(&services->holders, 1, memory_order_relaxed);
}

void fs_services_release(struct fs_services *services)
{
    if (services && atomic_fetch_sub_explicit(&services->holders, 1, memory_order_acq_rel) == 1)
        free(services);
}

bool fs_services_find(const struct fs_services *services, struct fs_text token,
                      struct fs_service *service)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    const struct entry *found = NULL;

    SHA256((const unsigned char *)token.data, token.len, hash);
    for (size_t i = 0; i < services->count; i++)
        if (CRYPTO_memcmp(services->entries[i].hash, hash, sizeof(hash)) == 0)
            found = &services->entries[i];
    if (found)
        *service = found->service;
    return found != NULL;
}
