/* Reads a users file once, and checks passwords against it through libxcrypt. */
#include "auth/users.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "auth/fail.h"
#include "auth/private_file.h"
#include "auth/token.h"
#include "base/limits.h"

#define BCRYPT_LEN 60          /* "$2b$12$", 22 of salt, 31 of hash */
#define YESCRYPT_DIGEST_LEN 43 /* behind the last "$" */

static const char hash_alphabet[] =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

struct user {
    struct fs_text name; /* in the file's text */
    const char *hash;    /* in the file's text, NUL-terminated */
    unsigned line;
};

struct fs_users {
    uint64_t seed;
    char *text; /* owned: the file */
    size_t text_len;
    struct user *items; /* owned, sorted by name */
    size_t count;
};

/* Hashes */

static bool is_hash_text(const char *text, size_t len)
{
    return strspn(text, hash_alphabet) >= len;
}

/* Returns NULL when the hash will do, else what is wrong with it. */
static const char *judge_bcrypt(const char *hash)
{
    unsigned cost;

    if (strlen(hash) != BCRYPT_LEN || hash[6] != '$' || !is_hash_text(hash + 7, BCRYPT_LEN - 7) ||
        hash[4] < '0' || hash[4] > '9' || hash[5] < '0' || hash[5] > '9')
        return "the bcrypt hash is damaged";
    cost = (unsigned)(hash[4] - '0') * 10 + (unsigned)(hash[5] - '0');
    if (cost < 4)
        return "the bcrypt hash is damaged";
    return cost > FS_BCRYPT_COST_MAX ? "the bcrypt hash costs more than 15: a log-in would take "
                                       "seconds"
                                     : NULL;
}

/* Parameters as crypt_gensalt() writes them: "j", then log2 N - 1 and r - 1 as one character each;
 * the memory is 128 r N bytes. */
static const char *judge_yescrypt(const char *hash)
{
    const char *n, *r, *digest = strrchr(hash, '$');
    unsigned log2_n;

    if (strlen(hash) < 8 || hash[3] != 'j' || hash[6] != '$' || digest == hash + 6)
        return "the yescrypt hash has parameters that are not supported";
    n = strchr(hash_alphabet, hash[4]);
    r = strchr(hash_alphabet, hash[5]);
    if (!n || !r)
        return "the yescrypt hash is damaged";
    if (strlen(digest + 1) != YESCRYPT_DIGEST_LEN ||
        !is_hash_text(digest + 1, YESCRYPT_DIGEST_LEN) ||
        !is_hash_text(hash + 7, (size_t)(digest - (hash + 7))))
        return "the yescrypt hash is damaged";
    log2_n = (unsigned)(n - hash_alphabet) + 1;
    if (log2_n > 24 ||
        (uint64_t)128 * (uint64_t)(r - hash_alphabet + 1) << log2_n > FS_YESCRYPT_MEMORY_MAX)
        return "the yescrypt hash takes more than 64 MiB of memory a log-in";
    return NULL;
}

static const char *judge_hash(const char *hash)
{
    const char *problem;

    if (strncmp(hash, "$2y$", 4) == 0 || strncmp(hash, "$2b$", 4) == 0 ||
        strncmp(hash, "$2a$", 4) == 0)
        problem = judge_bcrypt(hash);
    else if (strncmp(hash, "$y$", 3) == 0)
        problem = judge_yescrypt(hash);
    else
        problem = "the hash is neither bcrypt ($2y$, $2b$, $2a$) nor yescrypt ($y$): make it with "
                  "htpasswd -B";
    if (!problem && crypt_checksalt(hash) != CRYPT_SALT_OK)
        problem = "this system's libcrypt does not know the hash";
    return problem;
}

/* Lines */

/* A token can only carry valid UTF-8. */
static bool is_utf8(struct fs_text text)
{
    json_t *probe = json_stringn(text.data, text.len);

    json_decref(probe);
    return probe != NULL;
}

static int read_line(const char *path, unsigned number, char *line, struct user *user, char *error)
{
    char *colon = strchr(line, ':');
    const char *problem;

    if (!colon)
        return fs_auth_fail(error, -EINVAL, "%s:%u: expected name:hash", path, number);
    *colon = '\0';
    user->name = fs_text_of(line);
    user->hash = colon + 1;
    user->line = number;
    if (user->name.len > FS_USERNAME_LEN_MAX || !fs_token_is_subject(user->name) ||
        !is_utf8(user->name))
        return fs_auth_fail(error, -EINVAL,
                            "%s:%u: a name has 1 to %u bytes of UTF-8 without control characters",
                            path, number, FS_USERNAME_LEN_MAX);
    problem = judge_hash(user->hash);
    if (problem)
        return fs_auth_fail(error, -EINVAL, "%s:%u: user %s: %s", path, number, line, problem);
    return 0;
}

static size_t count_lines(const char *text, size_t len)
{
    size_t count = 1;

    for (size_t i = 0; i < len; i++)
        count += text[i] == '\n';
    return count;
}

/* Cuts the text into lines in place. */
static int read_lines(const char *path, struct fs_users *users, char *error)
{
    char *line = users->text;
    char *end = users->text + users->text_len;

    if (memchr(users->text, '\0', users->text_len))
        return fs_auth_fail(error, -EINVAL, "users file %s holds NUL bytes", path);
    for (unsigned number = 1; line < end; number++) {
        char *next = memchr(line, '\n', (size_t)(end - line));
        size_t len = (size_t)((next ? next : end) - line);
        int rc;

        if (len > 0 && line[len - 1] == '\r')
            len--;
        line[len] = '\0';
        if (len > 0 && line[0] != '#' && strspn(line, " \t") < len) {
            rc = read_line(path, number, line, &users->items[users->count], error);
            if (rc != 0)
                return rc;
            users->count++;
        }
        line = next ? next + 1 : end;
    }
    return 0;
}

static int compare_names(struct fs_text a, struct fs_text b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_users(const void *a, const void *b)
{
    return compare_names(((const struct user *)a)->name, ((const struct user *)b)->name);
}

static int check_whole(const char *path, struct fs_users *users, char *error)
{
    if (users->count == 0)
        return fs_auth_fail(error, -EINVAL, "users file %s holds no users", path);
    qsort(users->items, users->count, sizeof(users->items[0]), compare_users);
    for (size_t i = 1; i < users->count; i++) {
        const struct user *a = &users->items[i - 1];
        const struct user *b = &users->items[i];

        if (compare_users(a, b) == 0)
            return fs_auth_fail(error, -EINVAL, "%s:%u: user %s is already on line %u", path,
                                a->line > b->line ? a->line : b->line, a->name.data,
                                a->line < b->line ? a->line : b->line);
    }
    return 0;
}

int fs_users_load(const char *path, uint64_t seed, struct fs_log *log, struct fs_users **users,
                  char error[FS_AUTH_ERROR_SIZE])
{
    const struct fs_private_file file = {"users file", path, 022, FS_USERS_FILE_LEN_MAX, log};
    struct fs_users *made = calloc(1, sizeof(*made));
    int rc;

    if (!made)
        return fs_auth_fail(error, -ENOMEM, "no memory for users file %s", path);
    made->seed = seed;
    rc = fs_private_file_read(&file, &made->text, &made->text_len, error);
    if (rc != 0)
        goto destroy;
    made->items = calloc(count_lines(made->text, made->text_len), sizeof(made->items[0]));
    if (!made->items) {
        rc = fs_auth_fail(error, -ENOMEM, "no memory for users file %s", path);
        goto destroy;
    }
    rc = read_lines(path, made, error);
    if (rc == 0)
        rc = check_whole(path, made, error);
    if (rc != 0)
        goto destroy;
    *users = made;
    return 0;
destroy:
    fs_users_destroy(made);
    return rc;
}

void fs_users_destroy(struct fs_users *users)
{
    if (!users)
        return;
    free(users->items);
    fs_private_file_release(users->text, users->text_len);
    free(users);
}

/* Checking */

static const struct user *find(const struct fs_users *users, struct fs_text name)
{
    struct user key = {.name = name};

    return bsearch(&key, users->items, users->count, sizeof(key), compare_users);
}

bool fs_users_has(const struct fs_users *users, struct fs_text name)
{
    return find(users, name) != NULL;
}

/* FNV-1a with a secret start: which user stands in need only be steady and not guessable. */
static const struct user *stand_in(const struct fs_users *users, struct fs_text name)
{
    uint64_t hash = users->seed ^ 0xcbf29ce484222325u;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    return &users->items[hash % users->count];
}

bool fs_users_check(const struct fs_users *users, struct fs_text name, struct fs_text password,
                    struct crypt_data *scratch)
{
    const struct user *user = find(users, name);
    const char *hash = (user ? user : stand_in(users, name))->hash;
    char phrase[FS_PASSWORD_LEN_MAX + 1];
    size_t hash_len = strlen(hash);
    const char *computed;
    bool same;

    if (password.len == 0)
        password = FS_TEXT("");
    /* A NUL would end the password early for libcrypt. */
    if (password.len > FS_PASSWORD_LEN_MAX || memchr(password.data, '\0', password.len))
        return false;
    memcpy(phrase, password.data, password.len);
    phrase[password.len] = '\0';
    computed = crypt_rn(phrase, hash, scratch, (int)sizeof(*scratch));
    same = computed && strlen(computed) == hash_len && CRYPTO_memcmp(computed, hash, hash_len) == 0;
    explicit_bzero(phrase, sizeof(phrase));
    explicit_bzero(scratch, sizeof(*scratch));
    return same && user;
}
