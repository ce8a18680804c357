/* Loops verify and log in while keys and users are replaced under them: run under TSan. */
#include "auth/auth.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "fixture.h"
#include "support/suite.h"

#define TOKENS 4
#define KEYS 2
#define RELOADS 100u

static const char *const secrets[KEYS] = {"0123456789abcdef0123456789abcdef",
                                          "fedcba9876543210fedcba9876543210"};

struct loop {
    struct fs_auth *auth;
    struct fs_auth_cache *cache;
    char *(*tokens)[TOKENS]; /* by key; borrowed */
    atomic_uint *reloads;    /* begun and ended, each counted: even at rest */
    atomic_bool *stopped;
    unsigned verified_count;
    unsigned wrong_count;
};

static char *make_token(const char *secret, unsigned number)
{
    char payload[96];

    snprintf(payload, sizeof(payload), "{\"sub\":\"user_%u\",\"exp\":%lld}", number,
             (long long)fs_clock_wall_ms() / 1000 + 1000);
    return fs_fixture_sign_hmac("SHA256", "{\"alg\":\"HS256\"}", payload, secret, strlen(secret));
}

/* At rest, after an even number of reloads, the first key holds, else the second.  What was asked
 * while a reload was under way may be answered either way. */
static void *run_loop(void *data)
{
    struct loop *loop = data;

    for (unsigned i = 0; !atomic_load(loop->stopped) || loop->verified_count <= RELOADS; i++) {
        unsigned key = i % KEYS, number = i / KEYS % TOKENS;
        unsigned before = atomic_load(loop->reloads);
        struct fs_text buyer = {NULL, 0};
        int rc = fs_auth_verify(loop->auth, loop->cache, fs_text_of(loop->tokens[key][number]),
                                fs_clock_wall_ms() / 1000, &buyer);
        char name[16];

        snprintf(name, sizeof(name), "user_%u", number);
        if (rc == 0) {
            loop->verified_count++;
            loop->wrong_count += !fs_text_equals(buyer, fs_text_of(name));
        }
        if (before % 2 == 0 && before == atomic_load(loop->reloads))
            loop->wrong_count += (rc == 0) != (before / 2 % KEYS == key);
    }
    return NULL;
}

static void verification_follows_reloads_and_never_mixes_them(void)
{
    enum { LOOPS = 2 };
    struct fs_fixture fixture;
    struct fs_auth_options options;
    struct fs_auth *auth;
    struct loop loops[LOOPS];
    pthread_t threads[LOOPS];
    char *tokens[KEYS][TOKENS];
    char paths[KEYS][FS_FIXTURE_PATH_SIZE];
    atomic_uint reloads = 0;
    atomic_bool stopped = false;

    fs_fixture_open(&fixture);
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_JWT);
    for (unsigned key = 0; key < KEYS; key++) {
        fs_fixture_path(&fixture, key ? "second" : "first", paths[key]);
        fs_fixture_write_text(paths[key], secrets[key], 0600);
        for (unsigned i = 0; i < TOKENS; i++)
            tokens[key][i] = make_token(secrets[key], i);
    }
    options.jwt_key_file = paths[0];
    FS_REQUIRE(fs_auth_create(&options, &fixture.log, &auth, fixture.error) == 0);
    for (int i = 0; i < LOOPS; i++) {
        loops[i] =
            (struct loop){.auth = auth, .tokens = tokens, .reloads = &reloads, .stopped = &stopped};
        FS_CHECK_INT(fs_auth_cache_create(auth, 64, &loops[i].cache), 0);
        pthread_create(&threads[i], NULL, run_loop, &loops[i]);
    }
    for (unsigned i = 1; i <= RELOADS; i++) {
        struct timespec pause = {0, 2000000};

        options.jwt_key_file = paths[i % KEYS];
        atomic_fetch_add(&reloads, 1);
        FS_CHECK_INT(fs_auth_reload(auth, &options, fixture.error), 0);
        atomic_fetch_add(&reloads, 1);
        nanosleep(&pause, NULL);
    }
    atomic_store(&stopped, true);
    for (int i = 0; i < LOOPS; i++) {
        pthread_join(threads[i], NULL);
        FS_CHECK(loops[i].verified_count > RELOADS);
        FS_CHECK_INT(loops[i].wrong_count, 0);
        fs_auth_cache_destroy(loops[i].cache);
    }
    fs_auth_destroy(auth);
    for (unsigned i = 0; i < KEYS * TOKENS; i++)
        free(tokens[i / TOKENS][i % TOKENS]);
    fs_fixture_close(&fixture);
}

struct visitor {
    struct fs_auth *auth;
    unsigned ok_count, other_count;
};

static void on_done(struct fs_login *login)
{
    (void)login;
}

/* One visitor logs in again and again, each time waiting for the answer. */
static void *visit_often(void *data)
{
    struct visitor *visitor = data;
    struct fs_mailbox mailbox;

    if (fs_mailbox_init(&mailbox) != 0)
        abort();
    for (int i = 0; i < 60; i++) {
        struct fs_login login = {.done = on_done,
                                 .mailbox = &mailbox,
                                 .username = FS_TEXT("amy"),
                                 .password = FS_TEXT("pass-1"),
                                 .address = FS_TEXT("127.0.0.1")};
        struct fs_link letters;

        fs_link_init(&letters);
        if (fs_login_start(visitor->auth, &login) == -EINPROGRESS) {
            while (fs_link_is_alone(&letters)) {
                struct timespec pause = {0, 200000};

                nanosleep(&pause, NULL);
                fs_mailbox_take(&mailbox, &letters);
            }
            fs_auth_delivered(fs_link_shift(&letters));
        }
        visitor->ok_count += login.result == FS_LOGIN_OK;
        visitor->other_count += login.result != FS_LOGIN_OK;
        free(login.token);
    }
    fs_mailbox_dispose(&mailbox);
    return NULL;
}

static void log_ins_go_on_while_users_are_reloaded(void)
{
    enum { VISITORS = 3 };
    struct fs_fixture fixture;
    struct fs_auth_options options;
    struct fs_auth *auth;
    struct visitor visitors[VISITORS];
    pthread_t threads[VISITORS];
    char text[512] = "";

    fs_fixture_open(&fixture);
    fs_fixture_add_user(text, sizeof(text), "amy", "pass-1", "$2b$", 4);
    fs_fixture_write_text(fixture.users_path, text, 0640);
    options = fs_fixture_options(&fixture, FS_AUTH_OPTIONS_USERS);
    options.login_threads = 2;
    FS_REQUIRE(fs_auth_create(&options, &fixture.log, &auth, fixture.error) == 0);
    for (int i = 0; i < VISITORS; i++) {
        visitors[i] = (struct visitor){.auth = auth};
        pthread_create(&threads[i], NULL, visit_often, &visitors[i]);
    }
    for (int i = 0; i < 50; i++) {
        struct timespec pause = {0, 1000000};

        FS_CHECK_INT(fs_auth_reload(auth, &options, fixture.error), 0);
        nanosleep(&pause, NULL);
    }
    for (int i = 0; i < VISITORS; i++) {
        pthread_join(threads[i], NULL);
        FS_CHECK_INT(visitors[i].ok_count, 60);
        FS_CHECK_INT(visitors[i].other_count, 0);
    }
    fs_auth_destroy(auth);
    fs_fixture_close(&fixture);
}

#define TESTS(T)                                         \
    T(verification_follows_reloads_and_never_mixes_them) \
    T(log_ins_go_on_while_users_are_reloaded)
FS_SUITE("auth/reload", TESTS)
