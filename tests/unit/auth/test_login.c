/* auth.h as the http layer uses it: log-ins in each mode, verification, caches, reloads. */
#include "auth/auth.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "fixture.h"
#include "support/suite.h"

#define SECRET "0123456789abcdef0123456789abcdef"

static int64_t now_s(void)
{
    return fs_clock_wall_ms() / 1000;
}

static struct fs_auth *open_auth(struct fs_fixture *fixture, const struct fs_auth_options *options)
{
    struct fs_auth *auth = NULL;

    if (fs_auth_create(options, &fixture->log, &auth, fixture->error) != 0) {
        printf("\n    %s\n", fixture->error);
        abort();
    }
    return auth;
}

static struct fs_auth_cache *open_cache(struct fs_auth *auth, unsigned capacity)
{
    struct fs_auth_cache *cache = NULL;

    if (fs_auth_cache_create(auth, capacity, &cache) != 0)
        abort();
    return cache;
}

/* A loop that waits for its log-ins. */
struct desk {
    struct fs_mailbox mailbox;
    unsigned done_count;
};

struct visit {
    struct fs_login login;
    struct desk *desk;
    unsigned done_count;
};

static void on_done(struct fs_login *login)
{
    struct visit *visit = FS_CONTAINER_OF(login, struct visit, login);

    visit->done_count++;
    visit->desk->done_count++;
}

static int start(struct fs_auth *auth, struct desk *desk, struct visit *visit, const char *name,
                 const char *password, const char *address)
{
    *visit = (struct visit){.desk = desk,
                            .login = {.done = on_done,
                                      .mailbox = &desk->mailbox,
                                      .username = fs_text_of(name),
                                      .password = fs_text_of(password),
                                      .address = fs_text_of(address)}};
    return fs_login_start(auth, &visit->login);
}

static void wait_for(struct desk *desk, unsigned done_count)
{
    while (desk->done_count < done_count) {
        struct pollfd pollfd = {desk->mailbox.fd, POLLIN, 0};
        struct fs_link letters, *letter;

        if (poll(&pollfd, 1, 60000) != 1)
            abort();
        fs_link_init(&letters);
        fs_mailbox_take(&desk->mailbox, &letters);
        while ((letter = fs_link_shift(&letters)))
            fs_auth_delivered(letter);
    }
}

/* Logs in and waits; the token is given to the caller. */
static enum fs_login_result log_in(struct fs_auth *auth, const char *name, const char *password,
                                   char **token)
{
    struct desk desk = {.done_count = 0};
    struct visit visit;

    if (fs_mailbox_init(&desk.mailbox) != 0)
        abort();
    if (start(auth, &desk, &visit, name, password, "") == -EINPROGRESS)
        wait_for(&desk, 1);
    fs_mailbox_dispose(&desk.mailbox);
    if (token)
        *token = visit.login.token;
    else
        free(visit.login.token);
    return visit.login.result;
}

static int verify(struct fs_auth *auth, struct fs_auth_cache *cache, const char *token,
                  const char *expected_buyer)
{
    struct fs_text buyer = {NULL, 0};
    int rc = fs_auth_verify(auth, cache, fs_text_of(token), now_s(), &buyer);

    if (rc == 0)
        FS_CHECK_TEXT(buyer.data, buyer.len, expected_buyer);
    else
        FS_CHECK(buyer.data == NULL);
    return rc;
}

static void write_users(struct fs_fixture *fixture, const char *first, const char *second)
{
    char text[1024] = "";

    fs_fixture_add_user(text, sizeof(text), first, "pass-1", "$2b$", 4);
    if (second)
        fs_fixture_add_user(text, sizeof(text), second, "pass-2", "$y$", 1);
    fs_fixture_write_text(fixture->users_path, text, 0640);
}

static void a_demo_log_in_is_decided_inside_the_call(void)
{
    struct fs_fixture fixture;
    struct fs_auth_options options;
    struct fs_auth *auth;
    struct fs_auth_cache *cache;
    struct desk desk = {.done_count = 0};
    struct visit visit;

    fs_fixture_open(&fixture);
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_DEMO);
    auth = open_auth(&fixture, &options);
    cache = open_cache(auth, 64);
    FS_CHECK_INT(start(auth, &desk, &visit, "user_10000", "password123", "127.0.0.1"), 0);
    FS_CHECK_INT(visit.login.result, FS_LOGIN_OK);
    FS_CHECK_INT(visit.login.expires_in_s, 3600);
    FS_REQUIRE(visit.login.token != NULL);
    FS_CHECK_INT(visit.done_count, 0);
    for (int i = 0; i < 3; i++)
        FS_CHECK_INT(verify(auth, cache, visit.login.token, "user_10000"), 0);
    free(visit.login.token);
    fs_auth_cache_destroy(cache);
    fs_auth_destroy(auth);
    fs_fixture_close(&fixture);
}

static void demo_mode_knows_user_and_a_number_with_its_password_only(void)
{
    static const struct {
        const char *name;
        const char *password;
        enum fs_login_result expected;
    } cases[] = {{"user_1", "password123", FS_LOGIN_OK},
                 {"user_999999999", "password123", FS_LOGIN_OK},
                 {"user_1000000000", "password123", FS_LOGIN_BAD_CREDENTIALS},
                 {"user_", "password123", FS_LOGIN_BAD_CREDENTIALS},
                 {"user_1x", "password123", FS_LOGIN_BAD_CREDENTIALS},
                 {"User_1", "password123", FS_LOGIN_BAD_CREDENTIALS},
                 {"user_-1", "password123", FS_LOGIN_BAD_CREDENTIALS},
                 {"admin", "password123", FS_LOGIN_BAD_CREDENTIALS},
                 {"", "password123", FS_LOGIN_BAD_CREDENTIALS},
                 {"user_1", "password12", FS_LOGIN_BAD_CREDENTIALS},
                 {"user_2", "password1234", FS_LOGIN_BAD_CREDENTIALS},
                 {"user_2", "Password123", FS_LOGIN_BAD_CREDENTIALS},
                 {"user_2", "", FS_LOGIN_BAD_CREDENTIALS}};
    struct fs_fixture fixture;
    struct fs_auth_options options;
    struct fs_auth *auth;

    fs_fixture_open(&fixture);
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_DEMO);
    auth = open_auth(&fixture, &options);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        FS_CHECK_INT(log_in(auth, cases[i].name, cases[i].password, NULL), cases[i].expected);
    fs_auth_destroy(auth);
    fs_fixture_close(&fixture);
}

static void failures_of_an_account_or_address_are_limited_but_not_at_addresses_known_good(void)
{
    struct fs_fixture fixture;
    struct fs_auth_options options;
    struct fs_auth *auth;
    struct desk desk = {.done_count = 0};
    struct visit visit;
    char name[32];

    fs_fixture_open(&fixture);
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_DEMO);
    options.login_failures_max = options.login_failures_address_max = 5;
    auth = open_auth(&fixture, &options);
    for (int i = 0; i < 100; i++) {
        start(auth, &desk, &visit, "user_1", "password123", "10.0.0.1");
        FS_CHECK_INT(visit.login.result, FS_LOGIN_OK);
        free(visit.login.token);
    }
    for (int i = 0; i < 8; i++) {
        start(auth, &desk, &visit, "user_1", "wrong", "");
        FS_CHECK_INT(visit.login.result, i < 5 ? FS_LOGIN_BAD_CREDENTIALS : FS_LOGIN_LIMITED);
    }
    start(auth, &desk, &visit, "user_1", "password123",
          "10.0.0.1"); /* it logged in from there before */
    FS_CHECK_INT(visit.login.result, FS_LOGIN_OK);
    free(visit.login.token);
    start(auth, &desk, &visit, "user_1", "password123", "10.0.0.9");
    FS_CHECK_INT(visit.login.result, FS_LOGIN_LIMITED);
    FS_CHECK(visit.login.retry_after_s > 3000 && visit.login.retry_after_s <= 3901);
    FS_CHECK(visit.login.token == NULL);
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof(name), "nobody_%d", i);
        start(auth, &desk, &visit, name, "password123", "10.0.0.2");
        FS_CHECK_INT(visit.login.result, i < 5 ? FS_LOGIN_BAD_CREDENTIALS : FS_LOGIN_LIMITED);
    }
    start(auth, &desk, &visit, "user_2", "password123", "10.0.0.3");
    FS_CHECK_INT(visit.login.result, FS_LOGIN_OK);
    free(visit.login.token);
    fs_auth_destroy(auth);
    fs_fixture_close(&fixture);
}

static void users_log_in_through_the_pool_and_done_runs_once_on_the_loop(void)
{
    struct fs_fixture fixture;
    struct fs_auth_options options;
    struct fs_auth *auth;
    struct fs_auth_cache *cache;
    struct desk desk = {.done_count = 0};
    struct visit visits[4];
    static const char *const names[] = {"amy", "bob", "amy", "eve"};
    static const char *const passwords[] = {"pass-1", "pass-2", "pass-2", "pass-1"};

    fs_fixture_open(&fixture);
    write_users(&fixture, "amy", "bob");
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_USERS);
    options.login_threads = 2;
    auth = open_auth(&fixture, &options);
    cache = open_cache(auth, 64);
    FS_REQUIRE(fs_mailbox_init(&desk.mailbox) == 0);
    for (int i = 0; i < 4; i++)
        FS_CHECK_INT(start(auth, &desk, &visits[i], names[i], passwords[i], "::1"), -EINPROGRESS);
    FS_CHECK_INT(desk.done_count, 0);
    wait_for(&desk, 4);
    for (int i = 0; i < 4; i++) {
        FS_CHECK_INT(visits[i].done_count, 1);
        FS_CHECK_INT(visits[i].login.result, i < 2 ? FS_LOGIN_OK : FS_LOGIN_BAD_CREDENTIALS);
        if (i < 2)
            FS_CHECK_INT(verify(auth, cache, visits[i].login.token, names[i]), 0);
        free(visits[i].login.token);
    }
    fs_mailbox_dispose(&desk.mailbox);
    fs_auth_cache_destroy(cache);
    fs_auth_destroy(auth);
    fs_fixture_close(&fixture);
}

static void a_full_queue_is_told_at_once_and_what_waits_is_answered(void)
{
    enum { TRIES = 60, QUEUE = 8 };
    struct fs_fixture fixture;
    struct fs_auth_options options;
    struct fs_auth *auth;
    struct desk desk = {.done_count = 0};
    struct visit visits[TRIES];
    char text[256] = "";
    unsigned waiting = 0;

    fs_fixture_open(&fixture);
    fs_fixture_add_user(text, sizeof(text), "amy", "pass-1", "$2b$", 7);
    fs_fixture_write_text(fixture.users_path, text, 0640);
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_USERS);
    options.login_queue_max = QUEUE;
    auth = open_auth(&fixture, &options);
    FS_REQUIRE(fs_mailbox_init(&desk.mailbox) == 0);
    for (int i = 0; i < TRIES; i++) {
        if (start(auth, &desk, &visits[i], "amy", "pass-1", "10.0.0.1") == -EINPROGRESS) {
            waiting++;
            continue;
        }
        FS_CHECK_INT(visits[i].login.result, FS_LOGIN_LIMITED);
        FS_CHECK_INT(visits[i].login.retry_after_s, 1);
    }
    FS_CHECK(waiting >= QUEUE && waiting < TRIES);
    wait_for(&desk, waiting);
    for (int i = 0; i < TRIES; i++) {
        FS_CHECK(visits[i].done_count == 0 || visits[i].login.result == FS_LOGIN_OK);
        free(visits[i].login.token);
    }
    fs_mailbox_dispose(&desk.mailbox);
    fs_auth_destroy(auth);
    fs_fixture_close(&fixture);
}

static void guesses_sent_at_once_get_no_more_looks_than_allowed(void)
{
    enum { TRIES = 100, MAX = 5 };
    struct fs_fixture fixture;
    struct fs_auth_options options;
    struct fs_auth *auth;
    struct desk desk = {.done_count = 0};
    struct visit visits[TRIES];
    unsigned looked_at = 0, waiting = 0, limited = 0;

    fs_fixture_open(&fixture);
    write_users(&fixture, "amy", NULL);
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_USERS);
    options.login_threads = 4;
    options.login_failures_max = options.login_failures_address_max = MAX;
    auth = open_auth(&fixture, &options);
    FS_REQUIRE(fs_mailbox_init(&desk.mailbox) == 0);
    for (int i = 0; i < TRIES; i++)
        waiting += start(auth, &desk, &visits[i], "amy", "wrong", "") == -EINPROGRESS;
    wait_for(&desk, waiting);
    for (int i = 0; i < TRIES; i++) {
        looked_at += visits[i].login.result == FS_LOGIN_BAD_CREDENTIALS;
        limited += visits[i].login.result == FS_LOGIN_LIMITED;
    }
    FS_CHECK_INT(looked_at, MAX);
    FS_CHECK_INT(limited, TRIES - MAX);
    fs_mailbox_dispose(&desk.mailbox);
    fs_auth_destroy(auth);
    fs_fixture_close(&fixture);
}

static void mode_jwt_takes_tokens_from_elsewhere_and_makes_none(void)
{
    struct fs_fixture fixture;
    struct fs_auth_options options;
    struct fs_auth *auth;
    struct fs_auth_cache *cache;
    EVP_PKEY *ec = fs_fixture_make_ec("P-256");
    char *pem = fs_fixture_public_pem(ec);
    char payload[128];
    char *token;

    fs_fixture_open(&fixture);
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_JWT);
    options.jwt_algorithms = FS_AUTH_ES256;
    options.jwt_issuer = "https://id";
    fs_fixture_write_text(fixture.key_path, pem, 0644);
    auth = open_auth(&fixture, &options);
    cache = open_cache(auth, 64);
    FS_CHECK_INT(log_in(auth, "user_1", "password123", NULL), FS_LOGIN_UNSUPPORTED);
    snprintf(payload, sizeof(payload), "{\"iss\":\"https://id\",\"sub\":\"kim@x\",\"exp\":%lld}",
             (long long)now_s() + 100);
    token = fs_fixture_sign_pkey("{\"alg\":\"ES256\"}", payload, ec);
    FS_CHECK_INT(verify(auth, cache, token, "kim@x"), 0);
    FS_CHECK_INT(verify(auth, cache, token, "kim@x"), 0);
    free(token);
    token = fs_fixture_sign_hmac("SHA256", "{\"alg\":\"HS256\"}", payload, pem, strlen(pem));
    FS_CHECK_INT(verify(auth, cache, token, ""), -EACCES);
    free(token);
    free(pem);
    EVP_PKEY_free(ec);
    fs_auth_cache_destroy(cache);
    fs_auth_destroy(auth);
    fs_fixture_close(&fixture);
}

static void a_token_expires_also_when_it_is_cached(void)
{
    struct fs_fixture fixture;
    struct fs_auth_options options;
    struct fs_auth *auth;

    fs_fixture_open(&fixture);
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_DEMO);
    auth = open_auth(&fixture, &options);
    for (unsigned capacity = 0; capacity <= 64; capacity += 64) {
        struct fs_auth_cache *cache = open_cache(auth, capacity);
        struct fs_text buyer = {NULL, 0};
        char *token = NULL;
        int64_t made_s = now_s(); /* or a little later */
        int64_t made_by_s;

        FS_CHECK_INT(log_in(auth, "user_7", "password123", &token), FS_LOGIN_OK);
        made_by_s = now_s();
        FS_REQUIRE(token != NULL);
        FS_CHECK_INT(fs_auth_verify(auth, cache, fs_text_of(token), made_s, &buyer), 0);
        FS_CHECK_TEXT(buyer.data, buyer.len, "user_7");
        FS_CHECK_INT(fs_auth_verify(auth, cache, fs_text_of(token), made_s + 3599, &buyer), 0);
        buyer = (struct fs_text){NULL, 0};
        FS_CHECK_INT(fs_auth_verify(auth, cache, fs_text_of(token), made_by_s + 3600, &buyer),
                     -ETIME);
        FS_CHECK(buyer.data == NULL);
        free(token);
        fs_auth_cache_destroy(cache);
    }
    fs_auth_destroy(auth);
    fs_fixture_close(&fixture);
}

static void a_token_survives_a_restart_with_the_same_key_file(void)
{
    struct fs_fixture fixture;
    struct fs_auth_options options;
    struct fs_auth *auth;
    struct fs_auth_cache *cache;
    char *token = NULL;

    fs_fixture_open(&fixture);
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_DEMO);
    auth = open_auth(&fixture, &options);
    FS_CHECK_INT(log_in(auth, "user_7", "password123", &token), FS_LOGIN_OK);
    fs_auth_destroy(auth);
    auth = open_auth(&fixture, &options);
    cache = open_cache(auth, 0);
    FS_CHECK_INT(verify(auth, cache, token, "user_7"), 0);
    free(token);
    fs_auth_cache_destroy(cache);
    fs_auth_destroy(auth);
    fs_fixture_close(&fixture);
}

static void a_key_kept_from_demo_mode_opens_nothing_in_mode_users(void)
{
    struct fs_fixture fixture;
    struct fs_auth_options options;
    struct fs_auth *auth;
    struct fs_auth_cache *cache;
    char *demo_token = NULL, *users_token = NULL;

    fs_fixture_open(&fixture);
    write_users(&fixture, "amy", NULL);
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_DEMO);
    auth = open_auth(&fixture, &options);
    FS_CHECK_INT(log_in(auth, "user_7", "password123", &demo_token), FS_LOGIN_OK);
    fs_auth_destroy(auth);
    options.mode = FS_AUTH_OPTIONS_USERS;
    auth = open_auth(&fixture, &options);
    cache = open_cache(auth, 64);
    FS_CHECK_INT(log_in(auth, "amy", "pass-1", &users_token), FS_LOGIN_OK);
    FS_CHECK_INT(verify(auth, cache, demo_token, ""), -EACCES);
    FS_CHECK_INT(verify(auth, cache, users_token, "amy"), 0);
    free(demo_token);
    free(users_token);
    fs_auth_cache_destroy(cache);
    fs_auth_destroy(auth);
    fs_fixture_close(&fixture);
}

static void a_reload_takes_users_and_key_over_at_once(void)
{
    struct fs_fixture fixture;
    struct fs_auth_options options;
    struct fs_auth *auth;
    struct fs_auth_cache *cache;
    char *amy = NULL, *bob = NULL;

    fs_fixture_open(&fixture);
    write_users(&fixture, "amy", "bob");
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_USERS);
    auth = open_auth(&fixture, &options);
    cache = open_cache(auth, 64);
    FS_CHECK_INT(log_in(auth, "amy", "pass-1", &amy), FS_LOGIN_OK);
    FS_CHECK_INT(log_in(auth, "bob", "pass-2", &bob), FS_LOGIN_OK);
    FS_CHECK_INT(verify(auth, cache, amy, "amy"), 0);
    FS_CHECK_INT(verify(auth, cache, bob, "bob"), 0);
    write_users(&fixture, "amy", "eve");
    FS_CHECK_INT(fs_auth_reload(auth, &options, fixture.error), 0);
    FS_CHECK_INT(verify(auth, cache, amy, "amy"), 0);
    FS_CHECK_INT(verify(auth, cache, bob, ""), -EACCES);
    FS_CHECK_INT(log_in(auth, "bob", "pass-2", NULL), FS_LOGIN_BAD_CREDENTIALS);
    FS_CHECK_INT(log_in(auth, "eve", "pass-2", NULL), FS_LOGIN_OK);
    fs_fixture_write_text(fixture.key_path, SECRET, 0600);
    FS_CHECK_INT(fs_auth_reload(auth, &options, fixture.error), 0);
    FS_CHECK_INT(verify(auth, cache, amy, ""), -EACCES);
    free(amy);
    free(bob);
    fs_auth_cache_destroy(cache);
    fs_auth_destroy(auth);
    fs_fixture_close(&fixture);
}

static void a_reload_that_fails_changes_nothing(void)
{
    struct fs_fixture fixture;
    struct fs_auth_options options, other;
    struct fs_auth *auth;
    struct fs_auth_cache *cache;
    char *amy = NULL;

    fs_fixture_open(&fixture);
    write_users(&fixture, "amy", NULL);
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_USERS);
    auth = open_auth(&fixture, &options);
    cache = open_cache(auth, 64);
    FS_CHECK_INT(log_in(auth, "amy", "pass-1", &amy), FS_LOGIN_OK);
    fs_fixture_write_text(fixture.users_path, "bob:nonsense\n", 0640);
    FS_CHECK_INT(fs_auth_reload(auth, &options, fixture.error), -EINVAL);
    FS_CHECK_CONTAINS(fixture.error, ":1: user bob");
    unlink(fixture.users_path);
    FS_CHECK_INT(fs_auth_reload(auth, &options, fixture.error), -ENOENT);
    write_users(&fixture, "bob", NULL);
    fs_fixture_write_text(fixture.key_path, "short", 0600);
    FS_CHECK_INT(fs_auth_reload(auth, &options, fixture.error), -EINVAL);
    other = options;
    other.mode = FS_AUTH_OPTIONS_DEMO;
    FS_CHECK_INT(fs_auth_reload(auth, &other, fixture.error), -EINVAL);
    other = options;
    other.login_failures_max = 0;
    FS_CHECK_INT(fs_auth_reload(auth, &other, fixture.error), -EINVAL);
    FS_CHECK_INT(verify(auth, cache, amy, "amy"), 0);
    FS_CHECK_INT(log_in(auth, "amy", "pass-1", NULL), FS_LOGIN_OK);
    FS_CHECK_INT(log_in(auth, "bob", "pass-1", NULL), FS_LOGIN_BAD_CREDENTIALS);
    free(amy);
    fs_auth_cache_destroy(cache);
    fs_auth_destroy(auth);
    fs_fixture_close(&fixture);
}

static void what_cannot_work_is_refused_at_start_with_a_sentence(void)
{
    struct fs_fixture fixture;
    struct fs_auth_options options;
    struct fs_auth *auth = NULL;
    char password[FS_PASSWORD_LEN_MAX + 2];

    fs_fixture_open(&fixture);
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_DEMO);
    options.demo_password = "";
    FS_CHECK_INT(fs_auth_create(&options, &fixture.log, &auth, fixture.error), -EINVAL);
    FS_CHECK_CONTAINS(fixture.error, "demo password");
    memset(password, 'x', sizeof(password));
    password[sizeof(password) - 1] = '\0';
    options.demo_password = password;
    FS_CHECK_INT(fs_auth_create(&options, &fixture.log, &auth, fixture.error), -EINVAL);
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_USERS);
    FS_CHECK_INT(fs_auth_create(&options, &fixture.log, &auth, fixture.error), -ENOENT);
    FS_CHECK_CONTAINS(fixture.error, fixture.users_path);
    options.login_threads = 17;
    FS_CHECK_INT(fs_auth_create(&options, &fixture.log, &auth, fixture.error), -EINVAL);
    options.login_threads = 1;
    options.login_queue_max = 0;
    FS_CHECK_INT(fs_auth_create(&options, &fixture.log, &auth, fixture.error), -EINVAL);
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_JWT);
    FS_CHECK_INT(fs_auth_create(&options, &fixture.log, &auth, fixture.error), -ENOENT);
    FS_CHECK_CONTAINS(fixture.error, fixture.key_path);
    FS_CHECK(auth == NULL);
    fs_fixture_close(&fixture);
}

#define TESTS(T)                                                                     \
    T(a_demo_log_in_is_decided_inside_the_call)                                      \
    T(demo_mode_knows_user_and_a_number_with_its_password_only)                      \
    T(failures_of_an_account_or_address_are_limited_but_not_at_addresses_known_good) \
    T(users_log_in_through_the_pool_and_done_runs_once_on_the_loop)                  \
    T(a_full_queue_is_told_at_once_and_what_waits_is_answered)                       \
    T(guesses_sent_at_once_get_no_more_looks_than_allowed)                           \
    T(mode_jwt_takes_tokens_from_elsewhere_and_makes_none)                           \
    T(a_token_expires_also_when_it_is_cached)                                        \
    T(a_token_survives_a_restart_with_the_same_key_file)                             \
    T(a_key_kept_from_demo_mode_opens_nothing_in_mode_users)                         \
    T(a_reload_takes_users_and_key_over_at_once)                                     \
    T(a_reload_that_fails_changes_nothing)                                           \
    T(what_cannot_work_is_refused_at_start_with_a_sentence)
FS_SUITE("auth/login", TESTS)
