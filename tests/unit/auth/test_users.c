/* The users file: what it may hold, what is refused and where, and whose password is right. */
#include "auth/users.h"

#include <errno.h>
#include <time.h>

#include "base/limits.h"
#include "fixture.h"
#include "support/suite.h"

#define HASH "$2y$05$kmvE9KyXy2MiHsFSd4TGCOgVvCQ3Pfht0.OhtKfoAIuPhM75hpwG2"

static int load(struct fs_fixture *fixture, const char *text, struct fs_users **users)
{
    *users = NULL;
    fs_fixture_write_text(fixture->users_path, text, 0640);
    return fs_users_load(fixture->users_path, 7, &fixture->log, users, fixture->error);
}

static bool check(const struct fs_users *users, const char *name, const char *password)
{
    static const char zeroes[sizeof(struct crypt_data)];
    struct crypt_data *scratch = calloc(1, sizeof(*scratch));
    bool right = fs_users_check(users, fs_text_of(name), fs_text_of(password), scratch);

    FS_CHECK(memcmp(scratch, zeroes, sizeof(zeroes)) == 0); /* nothing of the password is left */
    free(scratch);
    return right;
}

static void what_htpasswd_writes_is_read(void)
{
    struct fs_fixture fixture;
    struct fs_users *users;
    char text[512] = "";
    char line[256];
    FILE *made = popen("htpasswd -nbB alice 's3cret pass' 2>/dev/null", "r");

    fs_fixture_open(&fixture);
    FS_REQUIRE(made != NULL);
    while (fgets(line, sizeof(line), made))
        strncat(text, line, sizeof(text) - strlen(text) - 1);
    FS_CHECK_INT(pclose(made), 0);
    FS_REQUIRE(load(&fixture, text, &users) == 0);
    FS_CHECK(check(users, "alice", "s3cret pass"));
    FS_CHECK(!check(users, "alice", "s3cret"));
    FS_CHECK(!check(users, "Alice", "s3cret pass"));
    fs_users_destroy(users);
    fs_fixture_close(&fixture);
}

static void bcrypt_and_yescrypt_comments_blanks_and_crlf_are_read(void)
{
    struct fs_fixture fixture;
    struct fs_users *users;
    char text[2048] = "# users\n\n   \t\n#off:" HASH "\r\n\r\n";

    fs_fixture_open(&fixture);
    fs_fixture_add_user(text, sizeof(text), "bob", "b", "$2b$", 4);
    fs_fixture_add_user(text, sizeof(text), "amy", "a", "$2a$", 4);
    fs_fixture_add_user(text, sizeof(text), "yes", "y", "$y$", 1);
    fs_fixture_add_user(text, sizeof(text), "J\xc3\xb6rg", "j", "$y$", 5);
    text[strlen(text) - 1] = '\0'; /* the last line needs no end */
    FS_REQUIRE(load(&fixture, text, &users) == 0);
    FS_CHECK(check(users, "bob", "b"));
    FS_CHECK(check(users, "amy", "a"));
    FS_CHECK(check(users, "yes", "y"));
    FS_CHECK(check(users, "J\xc3\xb6rg", "j"));
    FS_CHECK(!check(users, "bob", "a"));
    FS_CHECK(!check(users, "yes", ""));
    FS_CHECK(!check(users, "off", "secret"));
    FS_CHECK(fs_users_has(users, FS_TEXT("amy")));
    FS_CHECK(!fs_users_has(users, FS_TEXT("am")));
    FS_CHECK(!fs_users_has(users, FS_TEXT("off")));
    fs_users_destroy(users);
    fs_fixture_close(&fixture);
}

static void a_password_ends_where_it_ends(void)
{
    struct fs_fixture fixture;
    struct fs_users *users;
    struct crypt_data *scratch = calloc(1, sizeof(*scratch));
    char text[512] = "";
    char longest[FS_PASSWORD_LEN_MAX + 1];

    fs_fixture_open(&fixture);
    memset(longest, 'x', sizeof(longest));
    longest[FS_PASSWORD_LEN_MAX] = '\0';
    fs_fixture_add_user(text, sizeof(text), "a", "pass", "$2b$", 4);
    fs_fixture_add_user(text, sizeof(text), "long", longest, "$y$", 1);
    FS_REQUIRE(load(&fixture, text, &users) == 0);
    FS_CHECK(!fs_users_check(users, FS_TEXT("a"), (struct fs_text){"pass\0word", 9}, scratch));
    FS_CHECK(!fs_users_check(users, FS_TEXT("a"), (struct fs_text){"pass\0", 5}, scratch));
    FS_CHECK(!fs_users_check(users, FS_TEXT("a"), (struct fs_text){NULL, 0}, scratch));
    FS_CHECK(fs_users_check(users, FS_TEXT("a"), (struct fs_text){"password", 4}, scratch));
    FS_CHECK(check(users, "long", longest));
    longest[FS_PASSWORD_LEN_MAX] = 'x';
    FS_CHECK(!fs_users_check(users, FS_TEXT("long"),
                             (struct fs_text){longest, FS_PASSWORD_LEN_MAX + 1}, scratch));
    fs_users_destroy(users);
    free(scratch);
    fs_fixture_close(&fixture);
}

static void a_bad_line_is_named_with_its_number(void)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"a:" HASH "\nbob\n", ":2: expected name:hash"},
        {"# x\n\n:" HASH "\n", ":3: a name has 1 to 96 bytes"},
        {"a\tb:" HASH "\n", ":1: a name has"},
        {"\xff:" HASH "\n", ":1: a name has"},
        {"a:" HASH "\nb:" HASH "\n\na:" HASH "\n", ":4: user a is already on line 1"},
        {"a:\n", ":1: user a: the hash is neither bcrypt"},
        {"a:secret\n", ":1: user a: the hash is neither"},
        {"a:$apr1$wOOTWyfU$Hs4HCIOyiVvhQ3H2OrUSo0\n", ":1: user a: the hash is neither"},
        {"a:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n", ":1: user a: the hash is neither"},
        {"a:$6$salt$abc\n", ":1: user a: the hash is neither"},
        {"a:$2x$05$kmvE9KyXy2MiHsFSd4TGCOgVvCQ3Pfht0.OhtKfoAIuPhM75hpwG2\n", "is neither"},
        {"a:$1$salt$abcdefghijklmnopqrstuv\n", ":1: user a: the hash is neither"},
        {"a:" HASH "x\n", ":1: user a: the bcrypt hash is damaged"},
        {"a:" HASH " \n", ":1: user a: the bcrypt hash is damaged"},
        {"a:$2y$05$kmvE9KyXy2MiHsFSd4TGCOgVvCQ3Pfht0.OhtKfoAIuPhM75hpw\n", "damaged"},
        {"a:$2y$xx$kmvE9KyXy2MiHsFSd4TGCOgVvCQ3Pfht0.OhtKfoAIuPhM75hpwG2\n", "damaged"},
        {"a:$2y$03$kmvE9KyXy2MiHsFSd4TGCOgVvCQ3Pfht0.OhtKfoAIuPhM75hpwG2\n", "damaged"},
        {"a:$2y$16$kmvE9KyXy2MiHsFSd4TGCOgVvCQ3Pfht0.OhtKfoAIuPhM75hpwG2\n", "more than 15"},
        {"a:$2y$31$kmvE9KyXy2MiHsFSd4TGCOgVvCQ3Pfht0.OhtKfoAIuPhM75hpwG2\n", "more than 15"},
        {"a:$y$j9T$salt$short\n", "the yescrypt hash is damaged"},
        {"a:$y$j9T$\n", "not supported"},
        {"a:$y$\n", "not supported"},
        {"a:$y$jFT$saltsaltsaltsalt$abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq\n", "64 MiB"},
        {"a:$y$jzz$saltsaltsaltsalt$abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq\n", "64 MiB"},
        {"a:$y$k9T$saltsaltsaltsalt$abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq\n",
         "not supported"},
        {"", "holds no users"},
        {"# nobody\n", "holds no users"}};
    struct fs_fixture fixture;
    struct fs_users *users;

    fs_fixture_open(&fixture);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        FS_CHECK_INT(load(&fixture, cases[i].text, &users), -EINVAL);
        FS_CHECK_CONTAINS(fixture.error, cases[i].message);
        FS_CHECK_CONTAINS(fixture.error, fixture.users_path);
        fs_users_destroy(users);
    }
    fs_fixture_write(fixture.users_path, "a:\0" HASH, 63, 0640);
    FS_CHECK_INT(fs_users_load(fixture.users_path, 7, &fixture.log, &users, fixture.error),
                 -EINVAL);
    FS_CHECK_CONTAINS(fixture.error, "NUL");
    fs_fixture_close(&fixture);
}

static void a_users_file_that_others_can_read_or_change_is_refused(void)
{
    static const struct {
        unsigned mode;
        int expected;
    } cases[] = {{0600, 0}, {0400, 0}, {0640, 0},       {0440, 0},
                 {0644, 0}, {0604, 0}, {0660, -EACCES}, {0666, -EACCES}};
    struct fs_fixture fixture;

    fs_fixture_open(&fixture);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fs_users *users = NULL;

        fs_fixture_write_text(fixture.users_path, "a:" HASH "\n", cases[i].mode);
        FS_CHECK_INT(fs_users_load(fixture.users_path, 7, &fixture.log, &users, fixture.error),
                     cases[i].expected);
        if (cases[i].expected)
            FS_CHECK_CONTAINS(fixture.error, "chmod");
        fs_users_destroy(users);
    }
    fs_fixture_close(&fixture);
}

static double cpu_seconds_of_check(const struct fs_users *users, const char *name)
{
    double least = 1e9;

    for (int i = 0; i < 5; i++) {
        struct timespec from, to;
        double seconds;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
        FS_CHECK(!check(users, name, "wrong"));
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
        seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
        least = seconds < least ? seconds : least;
    }
    return least;
}

static void an_unknown_user_costs_as_much_as_a_wrong_password(void)
{
    static const struct {
        const char *prefix;
        unsigned long count;
    } kinds[] = {{"$2b$", 8}, {"$y$", 3}};
    struct fs_fixture fixture;

    fs_fixture_open(&fixture);
    for (size_t i = 0; i < 2; i++) {
        struct fs_users *users;
        char text[512] = "";
        double known, unknown;

        fs_fixture_add_user(text, sizeof(text), "known", "k", kinds[i].prefix, kinds[i].count);
        FS_REQUIRE(load(&fixture, text, &users) == 0);
        known = cpu_seconds_of_check(users, "known");
        unknown = cpu_seconds_of_check(users, "nobody");
        printf("\n    %s: %.2f ms known, %.2f ms unknown\n", kinds[i].prefix, known * 1e3,
               unknown * 1e3);
        FS_CHECK(unknown > known * 0.7 && unknown < known * 1.4);
        fs_users_destroy(users);
    }
    fs_fixture_close(&fixture);
}

static void an_unknown_user_is_never_right_even_with_another_users_password(void)
{
    struct fs_fixture fixture;
    struct fs_users *users;
    char text[512] = "";
    char name[16];

    fs_fixture_open(&fixture);
    fs_fixture_add_user(text, sizeof(text), "only", "secret", "$2b$", 4);
    FS_REQUIRE(load(&fixture, text, &users) == 0);
    FS_CHECK(check(users, "only", "secret"));
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "only%d", i);
        FS_CHECK(!check(users, name, "secret"));
    }
    fs_users_destroy(users);
    fs_fixture_close(&fixture);
}

#define TESTS(T)                                              \
    T(what_htpasswd_writes_is_read)                           \
    T(bcrypt_and_yescrypt_comments_blanks_and_crlf_are_read)  \
    T(a_password_ends_where_it_ends)                          \
    T(a_bad_line_is_named_with_its_number)                    \
    T(a_users_file_that_others_can_read_or_change_is_refused) \
    T(an_unknown_user_costs_as_much_as_a_wrong_password)      \
    T(an_unknown_user_is_never_right_even_with_another_users_password)
FS_SUITE("auth/users", TESTS)
