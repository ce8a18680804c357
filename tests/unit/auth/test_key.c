/* Key files: made once, privately and whole; weak, exposed and wrong ones refused in a sentence. */
#include "auth/key.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/key_set.h"
#include "auth/token.h"
#include "fixture.h"
#include "support/suite.h"

static void a_made_key_is_private_and_strong_whatever_the_umask(void)
{
    static const mode_t umasks[] = {0, 022, 077, 0777};
    struct fs_fixture fixture;

    fs_fixture_open(&fixture);
    for (size_t i = 0; i < sizeof(umasks) / sizeof(umasks[0]); i++) {
        mode_t before = umask(umasks[i]);
        struct fs_key key = {NULL, 0, NULL};
        struct stat status;
        bool made = false;
        int rc = fs_key_make_if_missing(fixture.key_path, &made, fixture.error);

        umask(before);
        FS_CHECK_INT(rc, 0);
        FS_CHECK(made);
        FS_CHECK_INT(stat(fixture.key_path, &status), 0);
        FS_CHECK_INT(status.st_mode & 07777, 0600);
        FS_CHECK_INT(fs_key_load_secret(fixture.key_path, NULL, &key, fixture.error), 0);
        FS_CHECK_INT(key.len, 52); /* 256 bits, 5 to a character */
        fs_key_dispose(&key);
        unlink(fixture.key_path);
    }
    fs_fixture_close(&fixture);
}

static void a_key_that_is_there_is_left_alone(void)
{
    struct fs_fixture fixture;
    struct fs_key key;
    bool made = true;

    fs_fixture_open(&fixture);
    fs_fixture_write_text(fixture.key_path, "0123456789abcdef0123456789abcdef\n", 0600);
    FS_CHECK_INT(fs_key_make_if_missing(fixture.key_path, &made, fixture.error), 0);
    FS_CHECK(!made);
    FS_CHECK_INT(fs_key_load_secret(fixture.key_path, NULL, &key, fixture.error), 0);
    FS_CHECK_TEXT(key.data, key.len, "0123456789abcdef0123456789abcdef");
    fs_key_dispose(&key);
    fs_fixture_close(&fixture);
}

struct start {
    struct fs_fixture *fixture;
    pthread_barrier_t *barrier;
    struct fs_key key;
    bool made;
    int rc;
};

static void *start_at_once(void *data)
{
    struct start *start = data;
    char error[FS_AUTH_ERROR_SIZE];

    pthread_barrier_wait(start->barrier);
    start->rc = fs_key_make_if_missing(start->fixture->key_path, &start->made, error);
    if (start->rc == 0)
        start->rc = fs_key_load_secret(start->fixture->key_path, NULL, &start->key, error);
    return NULL;
}

static void of_starts_at_once_one_makes_the_key_and_all_use_it(void)
{
    enum { COUNT = 6, ROUNDS = 20 };
    struct fs_fixture fixture;
    struct start starts[COUNT];
    pthread_t threads[COUNT];
    pthread_barrier_t barrier;

    fs_fixture_open(&fixture);
    pthread_barrier_init(&barrier, NULL, COUNT);
    for (int round = 0; round < ROUNDS; round++) {
        unsigned made = 0;

        for (int i = 0; i < COUNT; i++) {
            starts[i] = (struct start){.fixture = &fixture, .barrier = &barrier};
            pthread_create(&threads[i], NULL, start_at_once, &starts[i]);
        }
        for (int i = 0; i < COUNT; i++)
            pthread_join(threads[i], NULL);
        for (int i = 0; i < COUNT; i++) {
            FS_CHECK_INT(starts[i].rc, 0);
            FS_CHECK(starts[i].key.len == starts[0].key.len &&
                     memcmp(starts[i].key.data, starts[0].key.data, starts[0].key.len) == 0);
            made += starts[i].made;
        }
        FS_CHECK_INT(made, 1);
        for (int i = 0; i < COUNT; i++)
            fs_key_dispose(&starts[i].key);
        unlink(fixture.key_path);
    }
    FS_CHECK_INT(rmdir(fixture.folder), 0); /* no drafts are left behind */
    FS_CHECK_INT(mkdir(fixture.folder, 0700), 0);
    pthread_barrier_destroy(&barrier);
    fs_fixture_close(&fixture);
}

static void a_missing_folder_is_named(void)
{
    struct fs_fixture fixture;
    char path[FS_FIXTURE_PATH_SIZE];
    bool made;

    fs_fixture_open(&fixture);
    fs_fixture_path(&fixture, "nowhere/token.key", path);
    FS_CHECK_INT(fs_key_make_if_missing(path, &made, fixture.error), -ENOENT);
    FS_CHECK_CONTAINS(fixture.error, path);
    fs_fixture_close(&fixture);
}

static void a_secret_that_group_or_others_can_read_is_refused(void)
{
    static const unsigned modes[] = {0604, 0640, 0620, 0602, 0660, 0666, 0644, 0444, 0610};
    struct fs_fixture fixture;
    struct fs_key key = {NULL, 0, NULL};

    fs_fixture_open(&fixture);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        fs_fixture_write_text(fixture.key_path, "0123456789abcdef0123456789abcdef\n", modes[i]);
        FS_CHECK_INT(fs_key_load_secret(fixture.key_path, NULL, &key, fixture.error), -EACCES);
        FS_CHECK_CONTAINS(fixture.error, "chmod");
        FS_CHECK(key.data == NULL);
    }
    fs_fixture_write_text(fixture.key_path, "0123456789abcdef0123456789abcdef\n", 0400);
    FS_CHECK_INT(fs_key_load_secret(fixture.key_path, NULL, &key, fixture.error), 0);
    fs_key_dispose(&key);
    fs_fixture_close(&fixture);
}

static void a_secret_that_was_mounted_may_be_read_by_group_and_all(void)
{
    static const struct {
        unsigned mode;
        int expected;
    } cases[] = {{0600, 0}, {0440, 0}, {0444, 0}, {0644, 0}, {0620, -EACCES}, {0602, -EACCES}};
    struct fs_fixture fixture;

    fs_fixture_open(&fixture);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fs_key key = {NULL, 0, NULL};

        fs_fixture_write_text(fixture.key_path, "0123456789abcdef0123456789abcdef\n",
                              cases[i].mode);
        FS_CHECK_INT(fs_key_load_secret(fixture.key_path, &fixture.log, &key, fixture.error),
                     cases[i].expected);
        fs_key_dispose(&key);
    }
    fs_fixture_close(&fixture);
}

static void a_secret_has_32_bytes_without_the_end_of_its_line(void)
{
    static const struct {
        const char *data;
        size_t len;
        size_t key_len; /* 0: refused */
    } cases[] = {{"0123456789abcdef0123456789abcde\n", 32, 0},
                 {"0123456789abcdef0123456789abcdef", 32, 32},
                 {"0123456789abcdef0123456789abcdef\n", 33, 32},
                 {"0123456789abcdef0123456789abcdef\r\n", 34, 32},
                 {"0123456789abcdef0123456789abcde\r\n", 33, 0},
                 {"0123456789abcdef\n123456789abcdef\n", 33, 33},
                 {"0123456789abcdef0123456789abcd\0\n", 32, 32},
                 {"\xff\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"
                  "\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\n",
                  32, 32},
                 {"\n", 1, 0},
                 {"", 0, 0}};
    struct fs_fixture fixture;

    fs_fixture_open(&fixture);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fs_key key = {NULL, 0, NULL};

        fs_fixture_write(fixture.key_path, cases[i].data, cases[i].len, 0600);
        FS_CHECK_INT(fs_key_load_secret(fixture.key_path, NULL, &key, fixture.error),
                     cases[i].key_len ? 0 : -EINVAL);
        FS_CHECK_INT(key.len, cases[i].key_len);
        if (!cases[i].key_len)
            FS_CHECK_CONTAINS(fixture.error, "32 or more");
        fs_key_dispose(&key);
    }
    fs_fixture_close(&fixture);
}

static void what_is_no_file_is_refused_and_never_waited_for(void)
{
    struct fs_fixture fixture;
    struct fs_key key = {NULL, 0, NULL};
    char *huge = calloc(1, 20000);

    fs_fixture_open(&fixture);
    FS_REQUIRE(huge != NULL);
    FS_CHECK_INT(fs_key_load_secret(fixture.key_path, NULL, &key, fixture.error), -ENOENT);
    FS_CHECK_INT(fs_key_load_secret(fixture.folder, NULL, &key, fixture.error), -EINVAL);
    FS_CHECK_INT(mkfifo(fixture.key_path, 0600), 0);
    FS_CHECK_INT(fs_key_load_secret(fixture.key_path, NULL, &key, fixture.error), -EINVAL);
    fs_fixture_write(fixture.key_path, huge, 20000, 0600);
    FS_CHECK_INT(fs_key_load_secret(fixture.key_path, NULL, &key, fixture.error), -EINVAL);
    FS_CHECK(key.data == NULL);
    free(huge);
    fs_fixture_close(&fixture);
}

/* pem: freed. */
static int load_public(struct fs_fixture *fixture, char *pem, unsigned mode, unsigned algorithm)
{
    struct fs_key_set *set = NULL;
    int rc;

    fs_fixture_write_text(fixture->key_path, pem, mode);
    free(pem);
    rc = fs_key_set_load_pem(fixture->key_path, algorithm, &set, fixture->error);
    FS_CHECK_INT(set != NULL, rc == 0);
    FS_CHECK(!set || set->count == 1);
    fs_key_set_release(set);
    return rc;
}

static void a_public_key_must_fit_its_algorithm(void)
{
    struct fs_fixture fixture;
    EVP_PKEY *rsa = fs_fixture_make_rsa(2048), *weak = fs_fixture_make_rsa(1024);
    EVP_PKEY *p256 = fs_fixture_make_ec("P-256"), *p384 = fs_fixture_make_ec("P-384");

    fs_fixture_open(&fixture);
    FS_CHECK_INT(load_public(&fixture, fs_fixture_public_pem(rsa), 0644, FS_AUTH_RS256), 0);
    FS_CHECK_INT(load_public(&fixture, fs_fixture_public_pem(p256), 0644, FS_AUTH_ES256), 0);
    FS_CHECK_INT(load_public(&fixture, fs_fixture_public_pem(weak), 0644, FS_AUTH_RS256), -EINVAL);
    FS_CHECK_CONTAINS(fixture.error, "fewer than 2048 bits");
    FS_CHECK_INT(load_public(&fixture, fs_fixture_public_pem(p384), 0644, FS_AUTH_ES256), -EINVAL);
    FS_CHECK_CONTAINS(fixture.error, "auth.jwt_algorithms");
    FS_CHECK_INT(load_public(&fixture, fs_fixture_public_pem(p256), 0644, FS_AUTH_RS256), -EINVAL);
    FS_CHECK_CONTAINS(fixture.error, "auth.jwt_algorithms");
    FS_CHECK_INT(load_public(&fixture, fs_fixture_public_pem(rsa), 0644, FS_AUTH_ES256), -EINVAL);
    FS_CHECK_INT(load_public(&fixture, fs_fixture_public_pem(rsa), 0664, FS_AUTH_RS256), -EACCES);
    FS_CHECK_INT(load_public(&fixture, fs_fixture_private_pem(rsa), 0600, FS_AUTH_RS256), -EINVAL);
    FS_CHECK_CONTAINS(fixture.error, "private key");
    FS_CHECK_INT(
        load_public(&fixture, strdup("0123456789abcdef0123456789abcdef\n"), 0600, FS_AUTH_RS256),
        -EINVAL);
    FS_CHECK_CONTAINS(fixture.error, "no PEM public key");
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
    fs_fixture_close(&fixture);
}

#define TESTS(T)                                              \
    T(a_made_key_is_private_and_strong_whatever_the_umask)    \
    T(a_key_that_is_there_is_left_alone)                      \
    T(of_starts_at_once_one_makes_the_key_and_all_use_it)     \
    T(a_missing_folder_is_named)                              \
    T(a_secret_that_group_or_others_can_read_is_refused)      \
    T(a_secret_that_was_mounted_may_be_read_by_group_and_all) \
    T(a_secret_has_32_bytes_without_the_end_of_its_line)      \
    T(what_is_no_file_is_refused_and_never_waited_for)        \
    T(a_public_key_must_fit_its_algorithm)
FS_SUITE("auth/key", TESTS)
