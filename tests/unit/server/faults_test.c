/* What a server does when the system gives it no more, and what the checks before a start find. */
#include "support/suite.h"

#include <crypt.h>
#include <dirent.h>
#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "fixture.h"

#define STARTS_TRIED_MAX 200
#define CLIENTS 32

static bool limit_descriptors(rlim_t count)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return false;
    limit.rlim_cur = count < limit.rlim_max ? count : limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/* The limit is on numbers: what was inherited with a high one would leave room below it. */
static void close_inherited(void)
{
    close_range(3, ~0u, 0);
}

/* One more than the highest descriptor in use: where the limit begins to hurt. */
static rlim_t descriptor_floor(void)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;
    long highest = 0;

    while (dir && (entry = readdir(dir))) {
        long fd = strtol(entry->d_name, NULL, 10);

        if (fd > highest && fd != dirfd(dir))
            highest = fd;
    }
    if (dir)
        closedir(dir);
    return (rlim_t)highest + 1;
}

static void a_start_without_descriptors_fails_cleanly_at_whichever_it_lacks(void)
{
    struct fixture one;
    struct rlimit before;
    rlim_t floor;
    size_t count;
    int failed_count = 0;
    int rc = -1;

    close_inherited();
    FS_REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL) && fixture_create(&one) == 0);
    FS_REQUIRE(fixture_start(&one) == 0 && fs_server_stop(one.server) == 0);
    floor = descriptor_floor();
    count = descriptor_count();
    for (rlim_t more = 0; more < STARTS_TRIED_MAX && rc != 0; more++) {
        limit_descriptors(floor + more);
        rc = fixture_start(&one);
        limit_descriptors(before.rlim_cur);
        FS_CHECK(rc == 0 || one.error.text[0] != '\0');
        if (rc != 0) {
            failed_count++;
            FS_CHECK_INT(descriptor_count(), count);
        }
    }
    FS_CHECK_INT(rc, 0);
    FS_CHECK(failed_count > 10);
    printf("%d starts failed ", failed_count);
    fixture_close(&one);
}

static void connections_wait_while_there_are_no_descriptors(void)
{
    struct fixture one;
    struct rlimit before;
    char answer[4096];
    int clients[CLIENTS];
    size_t answered = 0;

    close_inherited();
    FS_REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_REQUIRE(fixture_start(&one) == 0);
    /* The clients' ends first, then no room for the server's. */
    for (size_t i = 0; i < CLIENTS; i++)
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    limit_descriptors(descriptor_floor() + 2);
    for (size_t i = 0; i < CLIENTS; i++)
        FS_CHECK(client_use(clients[i], fixture_address(&one)) == 0 &&
                 client_send(clients[i], "GET /inventory/1 HTTP/1.1\r\nHost: x\r\n\r\n"));
    FS_CHECK(fixture_await_log(&one, "cannot accept connections"));
    limit_descriptors(before.rlim_cur);
    for (size_t i = 0; i < CLIENTS; i++) {
        answered += client_read(clients[i], answer, sizeof(answer)) == 200;
        close(clients[i]);
    }
    FS_CHECK_INT(answered, CLIENTS);
    FS_CHECK_INT(fs_server_stop(one.server), 0);
    fixture_close(&one);
}

#if !defined(__SANITIZE_THREAD__) /* which sees the race that the test is */
/* Any epoll descriptor of this process; -1: none. */
static int find_epoll(void)
{
    for (int fd = 3; fd < 256; fd++) {
        char path[64];
        char target[64] = "";

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (readlink(path, target, sizeof(target) - 1) > 0 &&
            strcmp(target, "anon_inode:[eventpoll]") == 0)
            return fd;
    }
    return -1;
}

static void wait_tells_that_a_loop_has_failed(void)
{
    struct fixture one;
    int epoll;
    int null;

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_REQUIRE(fixture_start(&one) == 0);
    epoll = find_epoll();
    FS_REQUIRE(epoll >= 0);
    /* Something else takes its number: the loop's next wait fails. */
    null = dup(0);
    FS_REQUIRE(dup2(null, epoll) == epoll);
    close(null);
    FS_CHECK_INT(fs_server_wait(one.server), -EINVAL);
    FS_CHECK(fixture_logged(&one, "cannot wait for events", true));
    FS_CHECK_INT(fs_server_stop(one.server), 0);
    close(epoll);
    fixture_close(&one);
}

#define FAILED_LOOP(T) T(wait_tells_that_a_loop_has_failed)
#else
#define FAILED_LOOP(T)
#endif

/* 40 log-ins at 100 ms or more of hashing each, on one thread, and nobody waits for them any more. */
static void a_stop_does_not_wait_for_log_ins_in_the_queue(void)
{
    static const char login[] = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 35\r\n\r\n"
                                "{\"username\":\"ann\",\"password\":\"xyz\"}";
    struct fixture one;
    struct timespec begun;
    struct timespec ended;
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    char line[256];
    char path[128];
    int clients[40];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_REQUIRE(crypt_gensalt_rn("$2b$", 11, NULL, 0, salt, sizeof(salt)) != NULL);
    snprintf(line, sizeof(line), "ann:%s\n", crypt("secret", salt));
    fixture_file(&one, "users", line, path);
    FS_REQUIRE(chmod(path, 0600) == 0);
    FS_REQUIRE(fixture_set(&one, "auth.mode", "users") &&
               fixture_set(&one, "auth.users_file", path) &&
               fixture_set(&one, "auth.login_failures_max", "1000"));
    FS_REQUIRE(fixture_start(&one) == 0);
    for (size_t i = 0; i < 40; i++) {
        clients[i] = client_connect(fixture_address(&one));
        FS_CHECK(clients[i] >= 0 && client_send(clients[i], login));
    }
    nanosleep(&(struct timespec){0, 100000000}, NULL);
    for (size_t i = 0; i < 40; i++)
        close(clients[i]);
    fs_server_stop_now(one.server);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    fs_server_stop(one.server);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    FS_CHECK(ended.tv_sec - begun.tv_sec < 3);
    FS_CHECK(!fixture_logged(&one, "still holds", false));
    fixture_close(&one);
}

/* Kept, so that a leak checker sees what a stuck strategy holds as held.  Its descriptors stay open:
 * the test is the last. */
static struct fs_server *given_up[2];

static void stop_while_a_purchase_is_held(struct fixture *one)
{
    char login[1024];
    char answer[4096];

    FS_REQUIRE(client_login(fixture_address(one), login, sizeof(login)));
    FS_CHECK_INT(client_ask(fixture_address(one), "POST", "/purchase/1", login, "{\"quantity\":1}",
                            answer, sizeof(answer)),
                 504);
    fs_server_stop_now(one->server);
    FS_CHECK_INT(fs_server_stop(one->server), -EBUSY);
}

static void a_stop_with_a_strategy_that_never_lets_go_says_so_and_touches_nothing_of_it(void)
{
    for (size_t i = 0; i < 2; i++) {
        struct fixture one;

        FS_REQUIRE(fixture_open(&one, FS_TEST_LATE));
        FS_REQUIRE(fixture_set(&one, "strategy_options.delay_ms", "3600000") &&
                   fixture_set(&one, "workers", i == 0 ? "1" : "2") &&
                   fixture_set(&one, "purchase.deadline", "100ms"));
        FS_REQUIRE(fixture_start(&one) == 0);
        given_up[i] = one.server;
        stop_while_a_purchase_is_held(&one);
        FS_CHECK(fixture_logged(&one, "still holds 1 request(s)", true));
        FS_CHECK(fixture_logged(&one, "strategy late does not let go", true));
        FS_CHECK_INT(fs_server_wait(one.server), 0);
        FS_CHECK_INT(fs_server_stop(one.server), -EBUSY);
        FS_CHECK_INT(fs_server_start(one.server, &one.error), -EBUSY);
        FS_CHECK_CONTAINS(one.error.text, "still holds requests");
        FS_CHECK_INT(fs_server_reload(one.server, &one.error), -EINVAL);
        fixture_close(&one);
    }
}

/* Checks before a start */

struct findings {
    size_t fine_count;
    size_t wrong_count;
    char wrong[1024]; /* what: problem; ... */
};

static void keep_finding(void *data, const char *what, const char *detail, const char *problem)
{
    struct findings *findings = data;
    size_t len = strlen(findings->wrong);

    (void)detail;
    if (!problem) {
        findings->fine_count++;
        return;
    }
    findings->wrong_count++;
    snprintf(findings->wrong + len, sizeof(findings->wrong) - len, "%s: %s; ", what, problem);
}

static void a_probe_finds_nothing_wrong_and_changes_nothing(void)
{
    struct findings findings = {0};
    struct fixture one;
    char path[128];
    size_t before = descriptor_count();

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_CHECK_INT(fs_settings_probe(one.settings, keep_finding, &findings, &one.error), 0);
    FS_CHECK_STR(findings.wrong, "");
    FS_CHECK(findings.fine_count >= 5);
    snprintf(path, sizeof(path), "%s/data", one.folder);
    FS_CHECK(access(path, F_OK) != 0);
    FS_CHECK_INT(descriptor_count(), before);
    fixture_close(&one);
}

static void a_probe_names_everything_that_is_wrong(void)
{
    struct findings findings = {0};
    struct fixture first;
    struct fixture one;
    char path[128];

    FS_REQUIRE(fixture_open(&first, FS_TEST_NULL) && fixture_start(&first) == 0);
    FS_REQUIRE(fixture_open(&one, "/nowhere/none.so"));
    fixture_file(&one, "data", "a file", path);
    FS_REQUIRE(fixture_set(&one, "listen", "") &&
               fixture_set(&one, "listen", fixture_address(&first)));
    FS_CHECK_INT(fs_settings_probe(one.settings, keep_finding, &findings, &one.error), -EINVAL);
    FS_CHECK_INT(findings.wrong_count, 3);
    FS_CHECK_CONTAINS(findings.wrong, "strategy: /nowhere/none.so");
    FS_CHECK_CONTAINS(findings.wrong, "data folder: data_dir: ");
    FS_CHECK_CONTAINS(findings.wrong, "listen: ");
    fixture_close(&one);
    fixture_close(&first);
}

static void a_tool_learns_where_the_admin_listener_is(void)
{
    struct fixture one;
    char wanted[128];
    char *address;
    char *token;

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_REQUIRE(fixture_set(&one, "admin.listen", "127.0.0.1:9"));
    FS_REQUIRE(fs_settings_admin(one.settings, &address, &token, &one.error) == 0);
    snprintf(wanted, sizeof(wanted), "%s/data/admin.token", one.folder);
    FS_CHECK_STR(address, "127.0.0.1:9");
    FS_CHECK_STR(token, wanted);
    free(address);
    free(token);
    fixture_close(&one);
}

static void demo_log_ins_on_an_open_address_are_said_loudly(void)
{
    struct fixture one;

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_REQUIRE(fixture_set(&one, "listen", "0.0.0.0:0"));
    FS_CHECK_INT(fs_server_create(one.settings, &one.server, &one.error), -EINVAL);
    FS_CHECK_CONTAINS(one.error.text, "auth.demo_anywhere");
    FS_REQUIRE(fixture_set(&one, "auth.demo_anywhere", "true"));
    FS_CHECK_INT(fixture_start(&one), 0);
    FS_CHECK(fixture_logged(&one, "DEMO LOG-INS ARE OPEN TO ALL on 0.0.0.0:", true));
    FS_CHECK(!fixture_logged(&one, "OPEN TO ALL on 127", false));
    fixture_close(&one);
}

#define TESTS(T)                                                       \
    T(a_start_without_descriptors_fails_cleanly_at_whichever_it_lacks) \
    T(connections_wait_while_there_are_no_descriptors)                 \
    T(a_stop_does_not_wait_for_log_ins_in_the_queue)                   \
    FAILED_LOOP(T)                                                     \
    T(a_probe_finds_nothing_wrong_and_changes_nothing)                 \
    T(a_probe_names_everything_that_is_wrong)                          \
    T(a_tool_learns_where_the_admin_listener_is)                       \
    T(demo_log_ins_on_an_open_address_are_said_loudly)                 \
    T(a_stop_with_a_strategy_that_never_lets_go_says_so_and_touches_nothing_of_it)

FS_SUITE("server/faults", TESTS)
